package doctest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Problem is a block that breaks a rule.
type Problem struct {
	// Where is the file and line.
	Where string
	// What says what is wrong and what to do.
	What string
}

// String returns "where: what".
func (p Problem) String() string { return p.Where + ": " + p.What }

// marks says which languages may bear a mark.
var marks = map[string][]string{
	"run":      {"sh"},
	"serve":    {"sh"},
	"e2e":      {"sh", "python", "js", "javascript"},
	"golden":   {"sh", "text"},
	"hook":     {"sh", "python", "js", "go", "rust"},
	"ci":       {"sh"},
	"config":   {"yaml"},
	"keys":     {"yaml"},
	"output":   {"text", "json", "xml"},
	"excerpt":  {"go"},
	"figure":   {"text"},
	"measured": {"text"},
	"norun":    nil, // any
}

const advice = "say who runs it: sh run, sh norun ...; internal/doctest lists the marks"

// Check holds the marks of a page against the rules, and what they claim against the files below root.
func Check(root string, page Page) ([]Problem, error) {
	var problems []Problem
	printed := false // a block above prints something
	for i, b := range page.Blocks {
		report := func(format string, args ...any) {
			problems = append(problems, Problem{b.Where(), fmt.Sprintf(format, args...)})
		}
		languages, known := marks[b.Mark]
		switch {
		case b.Mark == "":
			report("nobody runs this %s block: %s", b.Language, advice)
			continue
		case !known:
			report("%q is no mark: %s", b.Mark, advice)
			continue
		case languages != nil && !slices.Contains(languages, b.Language):
			report("nobody runs %s as %q: %s", b.Language, b.Mark, advice)
			continue
		}
		switch b.Mark {
		case "norun":
			if b.Reason == "" {
				report("say why nobody runs it, in a line of its own above the block: <!-- norun: the reason -->")
			}
		case "run", "serve", "e2e":
			printed = true
		case "output":
			if !printed {
				report("no block above prints anything")
			}
		case "golden":
			other := i + 1
			if b.Language == "text" {
				other = i - 1
			}
			if other < 0 || other >= len(page.Blocks) || page.Blocks[other].Mark != "golden" || page.Blocks[other].Language == b.Language {
				report("a golden command stands above its golden text")
			}
		case "excerpt":
			if err := excerpt(root, b); err != nil {
				report("%v", err)
			}
		case "ci":
			missing, err := notInCI(root, b)
			if err != nil {
				return nil, err
			}
			for _, line := range missing {
				report("no script of .ci runs %q", line)
			}
		}
		if b.Mark != "norun" && b.Reason != "" {
			report("a reason why nobody runs a block that somebody runs")
		}
	}
	return problems, nil
}

// excerpt finds the lines of a block in a file, in order, comments at their ends aside.
func excerpt(root string, b Block) error {
	if len(b.Words) != 1 {
		return fmt.Errorf("name the one file that it is an excerpt of")
	}
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(b.Words[0])))
	if err != nil {
		return err
	}
	have := strings.Split(string(text), "\n")
	for line := range strings.Lines(b.Code) {
		want := statement(line)
		if want == "" {
			continue
		}
		at := slices.IndexFunc(have, func(h string) bool { return statement(h) == want })
		if at < 0 {
			return fmt.Errorf("%s does not hold %q, or not below the lines above it", b.Words[0], want)
		}
		have = have[at+1:]
	}
	return nil
}

// statement is a line of Go without the comment at its end.
func statement(line string) string {
	line, _, _ = strings.Cut(line, "// ")
	return strings.TrimSpace(line)
}

// notInCI returns the lines of a block that stand in no script of .ci. The tests themselves need no proof.
func notInCI(root string, b Block) ([]string, error) {
	scripts, err := filepath.Glob(filepath.Join(root, ".ci", "*"))
	if err != nil {
		return nil, fmt.Errorf("doctest: %w", err)
	}
	var all strings.Builder
	for _, script := range append(scripts, filepath.Join(root, "Makefile")) {
		text, err := os.ReadFile(script)
		if err != nil {
			return nil, fmt.Errorf("doctest: %w", err)
		}
		all.Write(text)
	}
	var missing []string
	for line := range strings.Lines(b.Code) {
		line, _, _ = strings.Cut(line, "  #")
		line = strings.TrimSpace(line)
		target, isTarget := strings.CutPrefix(line, "make ")
		switch {
		case line == "" || line == "go test ./...":
		case isTarget:
			if _, err := os.Stat(filepath.Join(root, ".ci", target)); err != nil {
				missing = append(missing, line)
			}
		case !strings.Contains(all.String(), line):
			missing = append(missing, line)
		}
	}
	return missing, nil
}
