// Package compat holds what the end-to-end tests found out about S3 through Hearth, and makes the tables of
// docs/s3-compatibility.md of it, so that the page and the tests cannot say two things.
//
//	Differences   the tests of versitygw's suite that may fail through Hearth, and why: e2e judges by this list
//	results.txt   every test of the suite and how it ended, recorded by e2e (HEARTH_E2E_RECORD=1)
//	the sources of e2e's client tests, from which the commands and calls of each client are read
//
// The package reads files of the repository and writes nothing. All of it is safe for concurrent use. It knows neither
// HTTP nor S3.
package compat

import (
	_ "embed"
	"path"
	"strings"
)

// A Difference is a group of tests of the suite that pass at a store and need not pass through Hearth.
type Difference struct {
	// Pattern is the name of a test, or a pattern as path.Match has it.
	Pattern string
	// What, AtS3, ThroughHearth and Why are cells of the table; equal ones make one row.
	What, AtS3, ThroughHearth, Why string
}

var (
	anonymous = Difference{
		What: "anonymous requests, public buckets and objects", AtS3: "allowed where a policy or ACL says so", ThroughHearth: "403 `AccessDenied`",
		Why: "Hearth authorizes by the scopes of its own keys, and what it has cached must not depend on a policy that it would have to ask for each time",
	}
	unsigned = Difference{
		What: "unsigned requests that no route fits", AtS3: "400 or 405, according to the route", ThroughHearth: "403 `AccessDenied`",
		Why: "who sends comes before what is sent",
	}
	oldForms = Difference{
		What: "browser forms that were signed long ago", AtS3: "versitygw refuses them after an hour",
		ThroughHearth: "as long as the policy in the form says, the day of its key at most a week back",
		Why:           "S3's documentation signs them at midnight for the next day",
	}
)

// Differences returns the list.
func Differences() []Difference {
	var list []Difference
	for _, group := range []struct {
		Difference
		patterns []string
	}{
		{anonymous, []string{"PublicBucket_*", "[GH]e[ta]*Object_overrides_fail_public"}},
		{unsigned, []string{
			"RouterPostRoot", "RouterPostObjectWithoutQuery", "RouterPutPartNumberWithoutUploadId", "RouterPUTObjectOnlyUploadId",
			"RouterGetUploadsWithKey", "RouterListVersionsWithKey", "RouterCopySourceNotAllowed",
		}},
		{oldForms, []string{"PostObject_expired_due_to_date"}},
	} {
		for _, pattern := range group.patterns {
			d := group.Difference
			d.Pattern = pattern
			list = append(list, d)
		}
	}
	return list
}

// Allows returns the difference that lets a test fail through Hearth.
func Allows(test string) (Difference, bool) {
	for _, d := range Differences() {
		if match, err := path.Match(d.Pattern, test); err == nil && match {
			return d, true
		}
	}
	return Difference{}, false
}

// A Verdict is how a test of the suite ended.
type Verdict string

// The verdicts.
const (
	Passes  Verdict = "passes"  // at the store and through Hearth
	Differs Verdict = "differs" // passes at the store, and one of Differences says why not through Hearth
	Fails   Verdict = "fails"   // at the store already, so that it says nothing about Hearth
)

//go:embed results.txt
var results string

// Recorded returns the verdict on each test of the suite as it was recorded last.
func Recorded() map[string]Verdict {
	found := map[string]Verdict{}
	for line := range strings.Lines(results) {
		if name, verdict, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(name, "#") {
			found[name] = Verdict(verdict)
		}
	}
	return found
}
