//! Whatever comes in, our own reader takes what goes out.
