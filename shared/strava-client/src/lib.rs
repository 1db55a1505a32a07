//! A typed client of the Strava API v3 and of the lease that guards it.
