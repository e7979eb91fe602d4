// Package lsm reads Lance tables with MemWAL generations.
package lsm
