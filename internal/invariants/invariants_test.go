package invariants

import "testing"

func TestCheckPanicsOnlyIfBroken(t *testing.T) {
	Check(true, "not shown %d", 1)
	defer func() {
		if got := recover(); got != "invariant broken: page 7 freed twice" {
			t.Errorf("panic with %v", got)
		}
	}()
	Check(false, "page %d freed twice", 7)
	t.Error("no panic")
}
