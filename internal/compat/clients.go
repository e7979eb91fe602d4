package compat

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A client is a program that e2e drives, straight at a store and through Hearth, comparing what it saw.
type client struct {
	name string
	file string // below e2e
	test string // the function that holds its commands; the whole file if empty
	// call matches a command or call; its first group is the name.
	call *regexp.Regexp
}

var clients = []client{
	{"LanceDB for JavaScript", "testdata/lancedb.mjs", "", regexp.MustCompile(`\.(createEmptyTable|createIndex|add|mergeInsert|delete|setUnenforcedPrimaryKey|setLsmWriteSpec|closeLsmWriters|openTable|countRows|tableNames|vectorSearch|fullTextSearch|query)\(`)},
	{"boto3", "testdata/boto3_ops.py", "", regexp.MustCompile(`\bs3\.([a-z]+(?:_[a-z0-9]+)+)`)},
	{"AWS SDK for Go", "sdk_test.go", "", regexp.MustCompile(`\b(?:client|s3)\.(?:New)?([A-Z][A-Za-z0-9]+?)(?:Input|Paginator)?[({]`)},
	{"AWS command line", "clients_test.go", "TestAWSCommandLineSeesTheSameThroughHearth", regexp.MustCompile(`(?m)^\t\t\{"(s3(?:api)?", "[a-z0-9-]+)"`)},
	{"s3cmd", "clients_test.go", "TestS3cmdSeesTheSameThroughHearth", regexp.MustCompile(`(?m)^\t\t\{"([a-z]+)"`)},
	{"rclone", "clients_test.go", "TestRcloneSeesTheSameThroughHearth", regexp.MustCompile(`(?m)^\t\t\{"([a-z]+)"`)},
}

// notCalls are names that the patterns match besides.
var notCalls = map[string]bool{"FromConfig": true, "Options": true, "Client": true}

func clientTable(root string) (string, error) {
	var b strings.Builder
	b.WriteString("| client | does |\n|---|---|\n")
	for _, c := range clients {
		text, err := os.ReadFile(filepath.Join(root, "e2e", filepath.FromSlash(c.file)))
		if err != nil {
			return "", fmt.Errorf("compat: %w", err)
		}
		source := string(text)
		if c.test != "" {
			_, body, found := strings.Cut(source, "\nfunc "+c.test+"(")
			if !found {
				return "", fmt.Errorf("compat: e2e/%s has no %s", c.file, c.test)
			}
			source, _, _ = strings.Cut(body, "\n}\n")
		}
		var calls []string
		for _, match := range c.call.FindAllStringSubmatch(source, -1) {
			if call := strings.ReplaceAll(match[1], `", "`, " "); !notCalls[call] {
				calls = append(calls, call)
			}
		}
		if len(calls) == 0 {
			return "", fmt.Errorf("compat: nothing is found in e2e/%s", c.file)
		}
		fmt.Fprintf(&b, "| %s | `%s` |\n", c.name, strings.Join(sortedSet(calls), "`, `"))
	}
	return b.String(), nil
}
