//! The command line; everything else is in the library.

use std::process::ExitCode;

use clap::Parser;
use graphite_pager::cli::Cli;
use graphite_pager::heap;

fn main() -> ExitCode {
    // one provider for every TLS connection of the process
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        eprintln!("error: TLS is set up twice");
        return ExitCode::FAILURE;
    }
    let cli = Cli::parse();
    if cli.stays() {
        heap::share();
    }
    cli.run()
}
