//! The command line; everything else is in the library.

use std::process::ExitCode;

use clap::Parser;
use graphite_pager::cli::Cli;

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
        #[cfg(target_env = "gnu")]
        heap::share();
    }
    cli.run()
}

/// How glibc's allocator is told to be frugal. It gives each thread a heap of its
/// own, and what one has freed no other uses: with 100,000 series that was a
/// quarter of all that the agent held (docs/performance.md). It takes this from
/// the environment alone, or from a call that would be `unsafe`.
#[cfg(target_env = "gnu")]
mod heap {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    /// How many heaps there may be.
    const HEAPS: &str = "MALLOC_ARENA_MAX";

    /// Starts the program anew in this process, with one heap for all threads;
    /// once, and not where somebody chose another number. Where that cannot be done, it runs on as it is.
    pub fn share() {
        if std::env::var_os(HEAPS).is_some() {
            return;
        }
        let (Ok(program), mut words) = (std::env::current_exe(), std::env::args_os()) else {
            return;
        };
        let mut again = Command::new(program);
        if let Some(name) = words.next() {
            again.arg0(name);
        }
        // it returns only where it failed
        let _ = again.args(words).env(HEAPS, "1").exec();
    }
}
