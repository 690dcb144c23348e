// The DatabaseTests target.
