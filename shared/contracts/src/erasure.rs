//! The extent of an erasure, and its form in messages and tables.

use kernel::{ApplicationId, Generation};

use crate::athletes::Erase;

/// The extent of an erase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// All data of this application up to this generation.
    Connection {
        /// The Strava application.
        application: ApplicationId,
        /// The last generation to erase.
        through: Generation,
    },
    /// All data of the athlete: the account is deleted.
    Everything,
}

impl Erasure {
    /// The erasure of an application up to a generation; of everything if the application is 0.
    pub const fn from_scope(application: i64, through_generation: i64) -> Self {
        if application == 0 {
            return Self::Everything;
        }
        let application = ApplicationId::new(application);
        Self::Connection { application, through: Generation::new(through_generation) }
    }

    /// The application and the last generation; 0 and 0 for everything.
    pub const fn scope(self) -> (i64, i64) {
        match self {
            Self::Connection { application, through } => (application.get(), through.get()),
            Self::Everything => (0, 0),
        }
    }

    /// True if it erases all that the other one does.
    pub fn includes(self, other: Self) -> bool {
        match (self, other) {
            (Self::Everything, _) => true,
            (
                Self::Connection { application, through },
                Self::Connection { application: of, through: until },
            ) => application == of && through >= until,
            (Self::Connection { .. }, Self::Everything) => false,
        }
    }
}

impl From<&Erase> for Erasure {
    fn from(erase: &Erase) -> Self {
        Self::from_scope(erase.application, erase.through_generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_that_of_the_erasure_it_names() {
        for scope in [(0, 0), (1, 1), (7, 1_790_012_345)] {
            assert_eq!(Erasure::from_scope(scope.0, scope.1).scope(), scope);
        }
    }

    #[test]
    fn an_erasure_includes_the_earlier_generations_of_its_application_and_everything_all() {
        let through = |generation| Erasure::from_scope(1, generation);
        assert!(through(2).includes(through(1)) && through(2).includes(through(2)));
        assert!(!through(1).includes(through(2)));
        assert!(!through(2).includes(Erasure::from_scope(2, 1)));
        assert!(!through(2).includes(Erasure::Everything));
        assert!(Erasure::Everything.includes(through(2)));
        assert!(Erasure::Everything.includes(Erasure::Everything));
    }
}
