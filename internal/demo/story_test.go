package demo

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestStoryIsATableOfQuestions(t *testing.T) {
	ms := time.Millisecond
	var out strings.Builder
	err := Story(&out, []Section{
		{
			Kind: "full text", Question: `"half hope"`, Askings: []Asking{
				{"Hearth", Measure{1310 * ms, Counts{80, 8}}, Measure{92 * ms, Counts{0, 5}}},
				{"a client with a name that is much longer than that", Measure{12345 * ms, Counts{1, 0}}, Measure{1200 * time.Microsecond, Counts{}}},
			},
			ID: "b/2.1", Text: "You pierce my soul. I am half agony,\nhalf hope. " + strings.Repeat("Tell me not that I am too late. ", 9), Focus: "half hope",
		},
		{Kind: "key", Question: "b/1.1", Askings: []Asking{{"Hearth", Measure{40 * ms, Counts{0, 1}}, Measure{20 * ms, Counts{0, 1}}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `
requests that reach the store,             empty cache                             warm
and the time to the answer          requests      time     immutable  mutable      time   faster
full text: "half hope"
    Hearth                                88    1.31 s             0        5     92 ms    14.2x
    a client with a name that i...         1   12.35 s             0        0    1.2 ms   10288x
    b/2.1: ... soul. I am half agony, half hope. Tell me not that I am too late. Tell me not that...
key: b/1.1
    Hearth                                 1     40 ms             0        1     20 ms     2.0x
`
	if diff := cmp.Diff(want[1:], out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > Width {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestExcerptsShowTheirFocus(t *testing.T) {
	long := "one two three four five six seven eight nine ten"
	for _, x := range []struct{ text, focus, want string }{
		{long, "", long},
		{long, "absent", long},
		{long, "two", long},
		{long, "ten", "... six seven eight nine ten"},
		{"onewordwithoutanyspacebeforeitsend", "end", "... withoutanyspacebeforeitsend"},
	} {
		if got := from(x.text, x.focus); got != x.want {
			t.Errorf("%q of %q: %q", x.focus, x.text, got)
		}
	}
}
