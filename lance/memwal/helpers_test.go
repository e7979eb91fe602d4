package memwal

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is the directory with tables written by LanceDB, shared by the module's tests.
func fixture(elem ...string) string {
	return filepath.Join(append([]string{"..", "..", "testdata", "lance-memwal"}, elem...)...)
}

func readFixture(t testing.TB, elem ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(fixture(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// patterned is data with every occurrence of a byte string replaced, lengths kept.
func patterned(data []byte, from, to string) []byte {
	if len(from) != len(to) {
		panic("lengths differ")
	}
	return bytes.ReplaceAll(data, []byte(from), []byte(to))
}
