package postform

import (
	"strings"
	"testing"
	"time"
)

func TestPoliciesThatAreNoneAreRefused(t *testing.T) {
	const until = `"expiration": "2144-11-08T04:19:33Z"`
	list := func(conditions string) string { return encode(`{` + until + `, "conditions": [` + conditions + `]}`) }
	for name, tt := range map[string]struct{ policy, want string }{
		"empty":               {" ", "Expecting '{' but found End-of-Input"},
		"no base64":           {"in*valid", "invalid Base64 encoding."},
		"no JSON":             {encode("invalid json"), "Invalid JSON."},
		"a list":              {encode("[]"), "Invalid JSON."},
		"null":                {encode("null"), "Policy missing expiration."},
		"no expiration":       {encode(`{"conditions": []}`), "Policy missing expiration."},
		"no conditions":       {encode(`{` + until + `}`), "Policy missing conditions."},
		"something else":      {encode(`{` + until + `, "conditions": [], "extra": 1}`), `Unexpected: "extra"`},
		"true as expiration":  {encode(`{"expiration": true, "conditions": []}`), "Invalid JSON."},
		"no date":             {encode(`{"expiration": "tomorrow", "conditions": []}`), "Invalid 'expiration' value: 'tomorrow'"},
		"true as conditions":  {encode(`{` + until + `, "conditions": true}`), "Invalid 'conditions' value: must be a List."},
		"null as conditions":  {encode(`{` + until + `, "conditions": null}`), "Invalid 'conditions' value: must be a List."},
		"true as a condition": {list("true"), "Invalid condition test: must be a List or Object."},
		"null as a condition": {list("null"), "Invalid condition test: must be a List or Object."},
		"an empty condition":  {list("[]"), "Invalid Condition: missing operation identifier."},
		"a number first":      {list("[1]"), "Invalid JSON."},
		"an operation":        {list(`["lt", "$a", "b"]`), "Invalid Condition: unknown operation 'lt'."},
		"four members":        {list(`["eq", "$a", "b", "c"]`), "Invalid eq: wrong number of arguments."},
		"two bounds missing":  {list(`["content-length-range"]`), "Invalid content-length-range: wrong number of arguments."},
		"false as field":      {list(`["eq", false, "b"]`), "Invalid JSON."},
		"true as value":       {list(`["eq", "$a", true]`), "Invalid JSON."},
		"null as value":       {list(`["eq", "$a", null]`), "Invalid JSON."},
		"a word as bound":     {list(`["content-length-range", "x", 1]`), "Invalid JSON."},
		"half a byte":         {list(`["content-length-range", 0.5, 1]`), "Invalid JSON."},
		"false as bound":      {list(`["content-length-range", 1, false]`), "Invalid JSON."},
		"two properties":      {list(`{"a": "b", "c": "d"}`), "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."},
		"no property":         {list(`{}`), "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."},
		"true as property":    {list(`{"a": true}`), "Invalid Simple-Condition: value must be a string."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePolicy(tt.policy)
			if code(err) != "InvalidPolicyDocument" || !strings.HasSuffix(err.Error(), "Invalid Policy: "+tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	for name, conditions := range map[string]string{
		"no dollar sign": `["eq","a","b"]`, "a dollar sign alone": `["eq","$","b"]`, "no name": `{"": "b"}`,
	} {
		if _, err := ParsePolicy(list(conditions)); code(err) != "AccessDenied" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParsePolicy(strings.TrimRight(list(""), "=")); err != nil {
		t.Errorf("without padding: %v", err)
	}
}

func TestPoliciesDecideWhatAFormMayContain(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		conditions string
		fields     map[string]string
		want       string // what is wrong
	}{
		"what every form has":            {``, nil, ""},
		"equal":                          {`["eq", "$Content-Type", "text/plain"]`, map[string]string{"content-type": "text/plain"}, ""},
		"unequal":                        {`["eq","$content-type","text/plain"]`, map[string]string{"content-type": "text/html"}, `Policy Condition failed: ["eq","$content-type","text/plain"]`},
		"equal to a number":              {`["eq", "$x-amz-meta-n", 7]`, map[string]string{"x-amz-meta-n": "7"}, ""},
		"a property":                     {`{"acl": "private"}`, map[string]string{"acl": "private"}, ""},
		"another property":               {`{"ACL": "private"}`, map[string]string{"acl": "public-read"}, `Policy Condition failed: ["eq", "$acl", "private"]`},
		"a beginning":                    {`["starts-with", "$x-amz-meta-a", "us"]`, map[string]string{"x-amz-meta-a": "user"}, ""},
		"another beginning":              {`["starts-with","$x-amz-meta-a","us"]`, map[string]string{"x-amz-meta-a": "u"}, `Policy Condition failed: ["starts-with","$x-amz-meta-a","us"]`},
		"anything":                       {`["starts-with", "$x-amz-meta-a", ""]`, map[string]string{"x-amz-meta-a": "x"}, ""},
		"a field that is missing":        {`["starts-with","$x-amz-meta-a",""]`, nil, `Policy Condition failed: ["starts-with","$x-amz-meta-a",""]`},
		"types that all begin so":        {`["starts-with", "$content-type", "text/"]`, map[string]string{"content-type": "text/a, text/b"}, ""},
		"types of which one does not":    {`["starts-with","$content-type","text/"]`, map[string]string{"content-type": "text/a, image/b"}, `Policy Condition failed: ["starts-with","$content-type","text/"]`},
		"a field that is not covered":    {``, map[string]string{"x-amz-meta-a": "x"}, "Extra input fields: x-amz-meta-a"},
		"a token that is not covered":    {``, map[string]string{"x-amz-security-token": "x"}, "Extra input fields: x-amz-security-token"},
		"fields that need not be":        {``, map[string]string{"x-ignore-a": "x", "policy": "p", "x-amz-signature": "s"}, ""},
		"another bucket":                 {`["eq","$bucket","other"]`, nil, `Policy Condition failed: ["eq","$bucket","other"]`},
		"a bucket that the form invents": {`["eq","$bucket","other"]`, map[string]string{"bucket": "other"}, `Policy Condition failed: ["eq","$bucket","other"]`},
	} {
		t.Run(name, func(t *testing.T) {
			conditions := `{"bucket": "lake"}, ["starts-with", "$key", "a/"]`
			if tt.conditions != "" {
				conditions += ", " + tt.conditions
			}
			policy, err := ParsePolicy(encode(`{"expiration": "2026-03-01T12:00:00.000Z", "conditions": [` + conditions + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			form := &Form{fields: map[string]string{"key": "a/b"}}
			for field, value := range tt.fields {
				form.fields[field] = value
			}
			want := ""
			if tt.want != "" {
				want = "postform: AccessDenied: Invalid according to Policy: " + tt.want
			}
			got := ""
			if err := policy.Check(now, "lake", form); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
			if err := policy.Check(now.Add(1), "lake", form); code(err) != "AccessDenied" || !strings.HasSuffix(err.Error(), "Policy expired.") {
				t.Errorf("when it has expired: %v", err)
			}
		})
	}
	policy, err := ParsePolicy(encode(`{"expiration": "2026-03-01T12:00:00Z", "conditions": [{"key": "a"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := policy.Check(now, "lake", &Form{fields: map[string]string{"key": "a"}}); err == nil || !strings.HasSuffix(err.Error(), "Extra input fields: bucket") {
		t.Errorf("a policy for no bucket: %v", err)
	}
}

func TestPoliciesBoundTheFile(t *testing.T) {
	policy, err := ParsePolicy(encode(`{"expiration": "2026-03-01T12:00:00Z", "conditions": [["content-length-range", 2, "5"], ["content-length-range", 0, 4]]}`))
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int64]string{1: "EntityTooSmall", 2: "", 4: "", 5: "EntityTooLarge", 6: "EntityTooLarge"} {
		if err := policy.CheckSize(n); code(err) != want {
			t.Errorf("%d bytes: %v, want %q", n, err, want)
		}
	}
}
