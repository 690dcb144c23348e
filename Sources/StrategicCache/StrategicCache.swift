// The StrategicCache target.
