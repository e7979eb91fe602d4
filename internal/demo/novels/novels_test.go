package novels

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNovelsAreCutIntoPassagesThatCanBeNamed(t *testing.T) {
	passages, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	seen, novels, longest := map[string]bool{}, map[string]int{}, 0
	for _, p := range passages {
		if seen[p.ID] || p.Text == "" || p.Text != strings.TrimSpace(p.Text) || p.Chapter < 1 || p.Number < 1 {
			t.Errorf("%+v", p)
		}
		seen[p.ID] = true
		novels[p.Novel]++
		longest = max(longest, len(p.Text))
	}
	want := map[string]int{"Sense and Sensibility": 1622, "Pride and Prejudice": 1659, "Mansfield Park": 2023, "Emma": 2084, "Persuasion": 1094}
	if diff := cmp.Diff(want, novels); diff != "" {
		t.Errorf("passages (-want +got):\n%s", diff)
	}
	if longest > 2000 {
		t.Errorf("a passage has %d bytes", longest)
	}
	if first := passages[0]; first.ID != "sense-and-sensibility/1.1" || !strings.HasPrefix(first.Text, "The family of Dashwood had long been settled in Sussex.") {
		t.Errorf("the first is %+v", first)
	}
}

func TestTextIsSmallAndItsSourceNoted(t *testing.T) {
	if len(compressed) > 3<<20 {
		t.Errorf("the text takes %d bytes of every binary", len(compressed))
	}
	notice, err := os.ReadFile("NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"public domain", "Jane Austen", "Project Gutenberg", "Source:", "Permission is hereby granted"} {
		if !strings.Contains(string(notice), want) {
			t.Errorf("NOTICE does not say %q", want)
		}
	}
	for _, mark := range []string{"Gutenberg", "www.", "_", "***"} {
		passages, err := Read()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range passages {
			if strings.Contains(p.Text, mark) {
				t.Errorf("%s holds %q", p.ID, mark)
			}
		}
	}
}

func TestParagraphsAreCutAtSentences(t *testing.T) {
	sentence := "One word follows " + strings.Repeat("another and ", 20) + "ends. " // 263 bytes
	text := "= a\tA\t1800\n# 1\nYes.\nNo.\n" + strings.Repeat(sentence, 5) + "\n# 2\nShort.\n"
	passages, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	type cut struct {
		ID    string
		Bytes int
	}
	var got []cut
	for _, p := range passages {
		got = append(got, cut{p.ID, len(p.Text)})
	}
	one := len(sentence)
	want := []cut{{"a/1.1", len("Yes. No.")}, {"a/1.2", 2*one - 1}, {"a/1.3", 2*one - 1}, {"a/1.4", one}, {"a/2.1", len("Short.")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTextsThatAreNoneAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"a novel without a year":         "= a\tA\n",
		"a chapter outside of a novel":   "# 1\n",
		"a chapter without a number":     "= a\tA\t1800\n# one\n",
		"a paragraph outside of chapter": "= a\tA\t1800\ntext\n",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), "novels: line") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
