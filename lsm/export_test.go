package lsm

// ByLookups makes masks of the base by looking keys up in its index, however many they are.
func (o Options) ByLookups() Options {
	o.lookupCost = -1
	return o
}
