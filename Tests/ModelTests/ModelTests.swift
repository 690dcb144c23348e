// The ModelTests target.
