// The FaultTests target.
