//! Completions and manual pages, both made from the command line's definition.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use super::{Cli, fail};

/// Prints completions.
pub fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "graphite-pager", &mut script);
    ended(io::stdout().write_all(&script))
}

/// Prints the manual page, or writes one for each command into `dir`.
pub fn man(dir: Option<&Path>) -> ExitCode {
    let mut command = Cli::command();
    command.build();
    match dir {
        None => ended(Man::new(command).render(&mut io::stdout())),
        Some(dir) => ended(clap_mangen::generate_to(command, dir)),
    }
}

/// The exit status of a command that only prints.
pub fn ended(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // whoever reads has seen enough
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            fail(&error);
            ExitCode::FAILURE
        }
    }
}
