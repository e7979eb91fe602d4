package lsm

// ByLookups makes masks of the base by looking keys up in its index, however many they are.
func (o Options) ByLookups() Options {
	o.lookupCost = -1
	return o
}

// WithoutPruning reads the generations of all shards, whatever a query names.
func (o Options) WithoutPruning() Options {
	o.noPruning = true
	return o
}
