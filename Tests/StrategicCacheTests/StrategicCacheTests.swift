// The StrategicCacheTests target.
