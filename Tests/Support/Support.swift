// The Support target.
