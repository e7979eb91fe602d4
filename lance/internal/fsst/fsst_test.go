package fsst

import (
	"encoding/binary"
	"errors"
	"testing"
)

// table makes the blob of a table.
func table(on bool, symbols ...string) []byte {
	b := make([]byte, 2312)
	h := uint64(magic)<<32 | uint64(len(symbols))
	if on {
		h |= 1 << 24
	}
	binary.LittleEndian.PutUint64(b, h)
	for i, s := range symbols {
		copy(b[8+8*i:], s)
		b[8+8*len(symbols)+i] = byte(len(s))
	}
	return b
}

func TestCodesStandForTheirSymbols(t *testing.T) {
	tab, err := Parse(table(true, "lance ", "a", "12345678"))
	if err != nil {
		t.Fatal(err)
	}
	if !tab.On() {
		t.Error("the table is off")
	}
	for in, want := range map[string]string{
		"":                     "",
		"\x00\x01\x02":         "lance a12345678",
		"\xff\xff\x00\xff\x00": "\xfflance \x00",
	} {
		out := make([]byte, MaxGrowth*len(in)+Slack)
		n, err := tab.Decode(out, []byte(in))
		if err != nil || string(out[:n]) != want {
			t.Errorf("%q: got %q and %v, want %q", in, out[:n], err, want)
		}
	}
	for _, in := range []string{"\x03", "\xff"} {
		if _, err := tab.Decode(make([]byte, 100), []byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: got %v, want ErrMalformed", in, err)
		}
	}
	if _, err := tab.Decode(nil, []byte("\x00")); !errors.Is(err, ErrMalformed) {
		t.Error("decoded without room")
	}
}

func TestDamagedTablesAreRefused(t *testing.T) {
	good := table(true, "ab")
	for name, b := range map[string][]byte{
		"nothing":           nil,
		"no magic":          make([]byte, 2312),
		"too short":         good[:16],
		"symbol of 0 bytes": append(append([]byte(nil), good[:16]...), 0),
		"symbol of 9 bytes": append(append([]byte(nil), good[:16]...), 9),
	} {
		if _, err := Parse(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}
