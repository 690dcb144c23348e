// The Postgres target.
