package doctest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// expect compares what was printed with what the document shows.
func expect(b Block, printed string) error {
	switch b.Language {
	case "json":
		return expectJSON(b.Code, printed)
	case "xml":
		return expectText(packed(b.Code), packed(printed))
	default:
		return expectText(b.Code, printed)
	}
}

// expectText compares texts, but for space at the ends of lines. "..." stands for anything within a line, and alone in one
// for any number of lines.
func expectText(shown, printed string) error {
	clean := func(s string) string {
		lines := strings.Split(strings.TrimSpace(s), "\n")
		for i, line := range lines {
			lines[i] = strings.TrimRight(line, " \t\r")
		}
		return strings.Join(lines, "\n")
	}
	var pattern strings.Builder
	pattern.WriteString(`^`)
	for i, line := range strings.Split(clean(shown), "\n") {
		if i > 0 {
			pattern.WriteString(`\n`)
		}
		if line == "..." {
			pattern.WriteString(`(?s:.*)`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), `\.\.\.`, `.*`))
	}
	pattern.WriteString(`$`)
	match, err := regexp.MatchString(pattern.String(), clean(printed))
	if err != nil {
		return fmt.Errorf("doctest: %w", err)
	}
	if !match {
		return fmt.Errorf("the document shows\n%s\nand this was printed\n%s", clean(shown), clean(printed))
	}
	return nil
}

var betweenTags = regexp.MustCompile(`>\s+<`)

// packed is XML without the space between its elements, and without its declaration.
func packed(s string) string {
	s = betweenTags.ReplaceAllString(strings.TrimSpace(s), "><")
	if strings.HasPrefix(s, "<?") {
		_, s, _ = strings.Cut(s, "?>")
	}
	return strings.TrimSpace(s)
}

// expectJSON asks that all names that the document shows are in the answer, with values of the same types. An answer may
// have more; of an array the first element counts.
func expectJSON(shown, printed string) error {
	var want, got any
	if err := json.Unmarshal([]byte(shown), &want); err != nil {
		return fmt.Errorf("the document's JSON: %w", err)
	}
	if err := json.Unmarshal([]byte(printed), &got); err != nil {
		return fmt.Errorf("what was printed is not JSON: %w\n%s", err, printed)
	}
	var missing []string
	compareJSON("", want, got, &missing)
	if len(missing) > 0 {
		slices.Sort(missing)
		return fmt.Errorf("the document shows what the answer does not have: %s\n%s", strings.Join(missing, ", "), printed)
	}
	return nil
}

func compareJSON(at string, want, got any, missing *[]string) {
	switch want := want.(type) {
	case map[string]any:
		have, ok := got.(map[string]any)
		if !ok {
			*missing = append(*missing, at+" as an object")
			return
		}
		for name, value := range want {
			if v, ok := have[name]; ok {
				compareJSON(at+"."+name, value, v, missing)
			} else {
				*missing = append(*missing, at+"."+name)
			}
		}
	case []any:
		have, ok := got.([]any)
		if !ok || len(want) > 0 && len(have) == 0 {
			*missing = append(*missing, at+" as an array")
		} else if len(want) > 0 {
			compareJSON(at+"[0]", want[0], have[0], missing)
		}
	default:
		if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
			*missing = append(*missing, fmt.Sprintf("%s as %T", at, want))
		}
	}
}
