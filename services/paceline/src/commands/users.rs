//! `paceline users`: local accounts from the command line.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use identity::{AddUser, Email, SigningKeys};
use secrecy::ExposeSecret;

use crate::cli::{RunOptions, Users};
use crate::commands::load;
use crate::compose::{Addresses, Foundation, open_identity};
use crate::generated_secrets::identity_key;
use crate::output::print_line;

/// Adds, lists or removes.
pub(super) async fn users(options: &RunOptions, action: Users) -> anyhow::Result<ExitCode> {
    let (loaded, _guard) = load(options)?;
    let foundation = Foundation::build_unlocked(loaded.settings.clone())?;
    let nowhere = loaded.settings.strava.url.clone();
    let addresses = Addresses { public: nowhere.clone(), reachable: false, token: nowhere };
    let identity = open_identity(&foundation, &addresses).await?;
    match action {
        Users::Add { email, admin, password_stdin } => {
            let password = if password_stdin { Some(read_password_line()?.into()) } else { None };
            let (account, password) = identity.add_user(AddUser { email, admin, password }).await?;
            print_line(format!("{} {}", account.athlete, account.email));
            if !password_stdin {
                print_line(format!(
                    "password: {}   (shown once, kept nowhere)",
                    password.expose_secret()
                ));
            }
        }
        Users::Passwd { email, password_stdin } => {
            let given = if password_stdin { Some(read_password_line()?.into()) } else { None };
            let password = identity.set_password(&parse_email(&email)?, given).await?;
            if !password_stdin {
                print_line(format!(
                    "password: {}   (shown once, kept nowhere)",
                    password.expose_secret()
                ));
            }
        }
        Users::RotateKey => {
            let session = Duration::from_secs(loaded.settings.identity.session_s.unsigned_abs());
            let now = foundation.runtime.clock.now();
            SigningKeys::rotate(&identity_key(&foundation.data), now, session)?;
            print_line(
                "a new key signs sessions from the next start on: restart now, for what the former one signs from now on will be refused",
            );
        }
        Users::List => {
            for account in identity.users().await? {
                let role = if account.admin { "admin" } else { "user" };
                print_line(format!(
                    "{} {:<5} {} {}",
                    account.athlete,
                    role,
                    account.created_at.to_rfc3339(),
                    account.email
                ));
            }
        }
        Users::Promote { email } => {
            identity.set_role(&parse_email(&email)?, true).await?;
            print_line(format!("{email} is an administrator"));
        }
        Users::Demote { email } => {
            identity.set_role(&parse_email(&email)?, false).await?;
            print_line(format!("{email} is a user, and signed out everywhere"));
        }
        Users::Remove { email, yes } => return remove(&identity, &email, yes).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn remove(identity: &identity::Service, email: &str, yes: bool) -> anyhow::Result<ExitCode> {
    if !yes && !confirm(&format!("remove the account {email} and erase all of its data?"))? {
        return Ok(ExitCode::FAILURE);
    }
    let email = parse_email(email)?;
    if !identity.remove_user(&email).await? {
        bail!("{} has no account", email.as_str());
    }
    print_line(format!(
        "{} removed; the running program erases the data, or the next one does",
        email.as_str()
    ));
    Ok(ExitCode::SUCCESS)
}

fn parse_email(text: &str) -> anyhow::Result<Email> {
    text.parse().map_err(|fault| anyhow::anyhow!("the address {fault}"))
}

fn read_password_line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("cannot read the password from standard input")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn confirm(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("{question} say --yes");
    }
    eprint!("{question} [y/N] ");
    std::io::stderr().flush()?;
    Ok(read_password_line()?.trim().eq_ignore_ascii_case("y"))
}
