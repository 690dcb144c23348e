// The EnginesTests target.
