package lsm

type deadText struct{}

func newDeadText(int) *deadText { return nil }
