//! `paceline users`: local accounts from the command line.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use identity::{AddUser, Email, Keys};
use secrecy::ExposeSecret;

use crate::cli::{Place, Users};
use crate::commands::{begin, say};
use crate::compose::{Addresses, Foundation, Services};
use crate::own_secrets::identity_key;

/// Adds, lists or removes.
pub(super) async fn users(place: &Place, action: Users) -> anyhow::Result<ExitCode> {
    let (chosen, _guard) = begin(place)?;
    let on = Foundation::beside(chosen.settings.clone())?;
    let nowhere = chosen.settings.strava.url.clone();
    let at = Addresses { public: nowhere.clone(), reachable: false, token: nowhere };
    let Some(identity) = Services::identity_alone(&on, &at).await? else {
        bail!("auth.issuer is set: accounts live with that issuer, not here");
    };
    match action {
        Users::Add { email, admin, password_stdin } => {
            let password = if password_stdin { Some(first_line()?.into()) } else { None };
            let (account, password) = identity.add_user(AddUser { email, admin, password }).await?;
            say(format!("{} {}", account.athlete, account.email));
            if !password_stdin {
                say(format!("password: {}   (shown once, kept nowhere)", password.expose_secret()));
            }
        }
        Users::Passwd { email, password_stdin } => {
            let given = if password_stdin { Some(first_line()?.into()) } else { None };
            let password = identity.set_password(&address(&email)?, given).await?;
            if !password_stdin {
                say(format!("password: {}   (shown once, kept nowhere)", password.expose_secret()));
            }
        }
        Users::RotateKey => {
            Keys::rotate(&identity_key(&on.data))?;
            say("a new key signs sessions from the next start on");
        }
        Users::List => {
            for account in identity.users().await? {
                let role = if account.admin { "admin" } else { "user" };
                say(format!(
                    "{} {:<5} {} {}",
                    account.athlete,
                    role,
                    account.created_at.to_rfc3339(),
                    account.email
                ));
            }
        }
        Users::Remove { email, yes } => {
            if !yes && !agreed(&format!("remove the account {email}?"))? {
                return Ok(ExitCode::FAILURE);
            }
            let email = address(&email)?;
            if !identity.remove_user(&email).await? {
                bail!("{} has no account", email.as_str());
            }
            say(format!("{} removed", email.as_str()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn address(text: &str) -> anyhow::Result<Email> {
    text.parse().map_err(|fault| anyhow::anyhow!("the address {fault}"))
}

fn first_line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("cannot read the password from standard input")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn agreed(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("{question} say --yes");
    }
    eprint!("{question} [y/N] ");
    std::io::stderr().flush()?;
    Ok(first_line()?.trim().eq_ignore_ascii_case("y"))
}
