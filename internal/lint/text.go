package lint

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// machinePath matches absolute paths below the folders that differ from machine
// to machine. The character in front keeps keys and URLs (x/home/y) out. The
// pattern is put together so that this file does not match itself.
var machinePath = regexp.MustCompile("(?:^|[\\s\"'`=(\\[:,])(/(?:" + strings.Join([]string{"work", "root", "home", "Users", "tmp"}, "|") + ")/[A-Za-z0-9_.-]+)")

// link matches the target of an inline Markdown link.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// CheckText applies the rules about tracked text to all files at once.
func CheckText(files []File) []Finding {
	names := map[string]bool{}
	for _, f := range files {
		for name := f.Name; name != "."; name = path.Dir(name) {
			names[name] = true
		}
	}
	var found []Finding
	for _, f := range files {
		if bytes.IndexByte(f.Text, 0) >= 0 || !utf8.Valid(f.Text) {
			continue // not text
		}
		found = append(found, machinePaths(f)...)
		if path.Ext(f.Name) == ".md" {
			found = append(found, markdown(f, names)...)
		}
	}
	return found
}

func machinePaths(f File) []Finding {
	var found []Finding
	for i, line := range strings.Split(string(f.Text), "\n") {
		if m := machinePath.FindStringSubmatch(line); m != nil {
			found = append(found, Finding{
				fmt.Sprintf("%s:%d", f.Name, i+1),
				fmt.Sprintf("%s is a path of one machine: make it relative, or take it from the environment, t.TempDir or mktemp", m[1]),
			})
		}
	}
	return found
}

// markdown finds code blocks without a language and links to files that are not
// there. Inside code blocks nothing is a link.
func markdown(f File, names map[string]bool) []Finding {
	var found []Finding
	fence := ""
	for i, line := range strings.Split(string(f.Text), "\n") {
		where := fmt.Sprintf("%s:%d", f.Name, i+1)
		trimmed := strings.TrimLeft(line, " ")
		if mark := fenceOf(trimmed); mark != "" {
			switch {
			case fence == "":
				fence = mark
				if strings.TrimSpace(trimmed[len(mark):]) == "" {
					found = append(found, Finding{where, "the code block names no language: write ```sh, ```go, ```yaml, or ```text"})
				}
			case strings.HasPrefix(mark, fence) && strings.TrimSpace(trimmed[len(mark):]) == "":
				fence = ""
			}
			continue
		}
		if fence != "" {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(line, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, ":") {
				continue // a heading of this page, or another site
			}
			if name := path.Join(path.Dir(f.Name), target); !names[name] && name != "." {
				found = append(found, Finding{where, fmt.Sprintf("the link leads to %s, which does not exist: mend or remove it", name)})
			}
		}
	}
	return found
}

// fenceOf returns the run of three or more backquotes or tildes that begins the
// line, or "".
func fenceOf(line string) string {
	for _, c := range []string{"`", "~"} {
		n := len(line) - len(strings.TrimLeft(line, c))
		if n >= 3 {
			return line[:n]
		}
	}
	return ""
}
