// The Model target.
