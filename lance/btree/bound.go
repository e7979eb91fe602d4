package btree

// Bound is one end of a range. The zero Bound is no bound.
type Bound struct {
	value     Value
	bounded   bool
	exclusive bool
}

// Including is a bound that admits the value itself.
func Including(v Value) Bound { return Bound{value: v, bounded: true} }

// Excluding is a bound that does not admit the value itself.
func Excluding(v Value) Bound { return Bound{value: v, bounded: true, exclusive: true} }

// Unbounded admits everything but null.
func Unbounded() Bound { return Bound{} }

// admitsAbove reports whether v is not below the bound, taken as a lower one.
func (b Bound) admitsAbove(v Value) bool {
	if !b.bounded {
		return true
	}
	c := v.Compare(b.value)
	return c > 0 || c == 0 && !b.exclusive
}

// admitsBelow reports whether v is not above the bound, taken as an upper one.
func (b Bound) admitsBelow(v Value) bool {
	if !b.bounded {
		return true
	}
	c := v.Compare(b.value)
	return c < 0 || c == 0 && !b.exclusive
}
