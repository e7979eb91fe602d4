package memwal

import (
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
