// The Worker target.
