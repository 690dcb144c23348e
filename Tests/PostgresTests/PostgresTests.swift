// The PostgresTests target.
