//! The command line, with examples.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};

use crate::compose::SERVICES;
pub use crate::run_options::RunOptions;

/// Paceline keeps athletes' training history current and does something with every activity the moment it happens.
#[derive(Debug, Parser)]
#[command(name = "paceline", version, after_help = EXAMPLES)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  paceline demo                                    see it work next to a simulated Strava
  paceline up --public-url https://run.example     everything in one process, on a built-in log and SQLite
  paceline up --kafka 127.0.0.1:9092 --database-url mysql://paceline:secret@127.0.0.1:3306/
  paceline run ingest --kafka broker:9092          one service, for a cluster
  paceline doctor                                  checks the installation and names remedies

Exit codes: 0 ok, 1 failed, 2 wrong usage, 69 something needed is unavailable, 78 wrong setting.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run every service in this process, on embedded defaults unless told otherwise.
    #[command(
        after_help = "Example:\n  paceline up --data-dir ./data --public-url https://run.example"
    )]
    Up(RunOptions),
    /// Run some of the services: token, ingest, stats, duplication, identity.
    #[command(
        after_help = "Example:\n  paceline run ingest stats --kafka broker:9092 --database-url mysql://…"
    )]
    Run {
        /// The services to run.
        #[arg(required = true, value_parser = PossibleValuesParser::new(SERVICES.iter().map(|entry| entry.name)))]
        services: Vec<String>,
        /// Addresses, data directory, log and database.
        #[command(flatten)]
        options: RunOptions,
    },
    /// Run a demo next to a simulated Strava: connect, import, a live activity, a child's copy.
    #[command(
        after_help = "Examples:\n  paceline demo\n  paceline demo --check\n  paceline demo --kafka 127.0.0.1:9092"
    )]
    Demo(DemoArgs),
    /// Check settings, databases, the log and Strava, and name the remedy for each fault.
    #[command(
        after_help = "Exit codes: 0 all well, 1 a fault, 2 a warning.\nExample:\n  paceline doctor --data-dir ./data --json"
    )]
    Doctor {
        /// Print JSON instead of lines.
        #[arg(long)]
        json: bool,
        /// Only check the readiness of the program that runs on this machine (for container health checks).
        #[arg(long)]
        ready: bool,
        /// Addresses, data directory, log and database.
        #[command(flatten)]
        options: RunOptions,
    },
    /// Create the databases and bring their tables up to date.
    #[command(
        after_help = "Example:\n  paceline migrate --database-url mysql://root@127.0.0.1:3306/"
    )]
    Migrate(RunOptions),
    /// Create the topics of the log, or list them.
    #[command(after_help = "Example:\n  paceline topics --kafka broker:9092")]
    Topics(RunOptions),
    /// Add, list and remove local accounts, set passwords.
    #[command(
        after_help = "Examples:\n  paceline users add ana@example.org --admin\n  paceline users list"
    )]
    Users {
        /// The action.
        #[command(subcommand)]
        action: Users,
        /// Addresses, data directory, log and database.
        #[command(flatten)]
        options: RunOptions,
    },
    /// List, show, replay or drop records that could not be handled.
    #[command(
        after_help = "Examples:\n  paceline parked list\n  paceline parked replay stats 0192…"
    )]
    Parked {
        /// The action.
        #[command(subcommand)]
        action: Parked,
        /// Addresses, data directory, log and database.
        #[command(flatten)]
        options: RunOptions,
    },
    /// Show the athletes that Strava counts for the application and who has been idle how long, or free a seat.
    #[command(
        after_help = "Examples:\n  paceline seats list\n  paceline seats free strava:0192…   # ends that connection and erases what came through it"
    )]
    Seats {
        /// The action.
        #[command(subcommand)]
        action: Seats,
        /// Addresses, data directory, log and database.
        #[command(flatten)]
        options: RunOptions,
    },
    /// Print what was erased of an athlete, also of one whose account is gone (JSON).
    #[command(
        after_help = "Example:\n  paceline receipts 01930000-0000-7000-8000-000000000001 > receipt.json"
    )]
    Receipts {
        /// The athlete's id.
        athlete: String,
        /// Addresses, data directory, log and database.
        #[command(flatten)]
        options: RunOptions,
    },
    /// Create, verify or restore a backup of an installation in one process, also while it runs.
    #[command(
        after_help = "Examples:\n  paceline backup create --data-dir ./data /mnt/backup/monday --keys /mnt/keys/monday\n  paceline backup verify /mnt/backup/monday\n  paceline backup restore --data-dir ./new /mnt/backup/monday --keys /mnt/keys/monday --ledger ./data/erasures.jsonl"
    )]
    Backup {
        /// The action.
        #[command(subcommand)]
        action: Backup,
        /// Addresses, data directory, log and database.
        #[command(flatten)]
        options: RunOptions,
    },
    /// Print the description of the HTTP interface (OpenAPI 3.1, JSON).
    #[command(after_help = "Example:\n  paceline openapi > openapi.json")]
    Openapi,
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Actions on backups.
#[derive(Clone, Debug, Subcommand)]
pub enum Backup {
    /// Copy databases, log and objects of one moment into a new folder.
    Create {
        /// The new folder.
        to: PathBuf,
        /// Copy the keys into this new folder; keep it in another place.
        #[arg(long, value_name = "DIR")]
        keys: Option<PathBuf>,
    },
    /// Check that a backup is whole and its databases can be read.
    Verify {
        /// The folder of the backup.
        backup: PathBuf,
    },
    /// Restore a backup into an empty data directory, and erase again what was erased since.
    #[command(group = clap::ArgGroup::new("erasures").required(true))]
    Restore {
        /// The folder of the backup.
        backup: PathBuf,
        /// The folder of the keys.
        #[arg(long, value_name = "DIR")]
        keys: Option<PathBuf>,
        /// The ledger of erasures (erasures.jsonl, or the setting erasure.ledger) of the installation that was lost.
        #[arg(long, value_name = "FILE", group = "erasures")]
        ledger: Option<PathBuf>,
        /// Restore although the ledger is lost: whoever was forgotten since the backup comes back.
        #[arg(long, group = "erasures")]
        without_ledger: bool,
    },
}

/// Options of the demo.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Verify the results, then stop: exit code 0 when all is right.
    #[arg(long)]
    pub check: bool,
    /// Use this broker instead of the built-in log.
    #[arg(long, value_name = "HOST:PORT")]
    pub kafka: Option<String>,
    /// Keep the data here [default: a new folder that is removed at the end].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Public listener.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The simulator's program [default: strava-sim beside this program].
    #[arg(long, value_name = "PATH")]
    pub simulator: Option<PathBuf>,
}

/// Actions on local accounts.
#[derive(Debug, Subcommand)]
pub enum Users {
    /// Add an account and print its password once (or read one from standard input).
    Add {
        /// The e-mail address to sign in with.
        email: String,
        /// Allow to administer users.
        #[arg(long)]
        admin: bool,
        /// Read the password from the first line of standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give an account a new password.
    Passwd {
        /// The e-mail address.
        email: String,
        /// Read the password from the first line of standard input instead of generating one.
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the accounts.
    List,
    /// Generate a new key for signing sessions; it is used from the next start on, the former one stays valid.
    RotateKey,
    /// Make an account an administrator's.
    Promote {
        /// The e-mail address.
        email: String,
    },
    /// Make an administrator's account a user's, and sign it out everywhere.
    Demote {
        /// The e-mail address.
        email: String,
    },
    /// Remove an account: its connections are revoked and all of its data is erased.
    Remove {
        /// The e-mail address.
        email: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// Actions on seats.
#[derive(Debug, Subcommand)]
pub enum Seats {
    /// List them, the longest idle first.
    List,
    /// End a connection as its athlete would: Strava is told, and what came through it is erased.
    Free {
        /// The connection's id.
        connection: String,
    },
}

/// Actions on parked records.
#[derive(Debug, Subcommand)]
pub enum Parked {
    /// List them, newest first.
    List,
    /// Show one whole.
    Show {
        /// The service that parked it.
        service: String,
        /// Its id.
        id: String,
    },
    /// Put one back into the service's outbox, from which it is published again.
    Replay {
        /// The service that parked it.
        service: String,
        /// Its id.
        id: String,
    },
    /// Delete one.
    Drop {
        /// The service that parked it.
        service: String,
        /// Its id.
        id: String,
    },
}
