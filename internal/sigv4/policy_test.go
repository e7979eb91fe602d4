package sigv4_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/hearthcache/hearth/internal/sigv4"
)

// The published example of a signed policy: made at midnight, good until the noon after the next.
const examplePolicy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9"

var exampleForm = map[string]string{
	"policy": examplePolicy, "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-date": "20151229T000000Z",
	"x-amz-credential": exampleAccessKey + "/20151229/us-east-1/s3/aws4_request",
	"x-amz-signature":  "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
}

// field makes of a form what VerifyPolicy asks; "-" takes a field out.
func field(changes map[string]string) func(string) (string, bool) {
	form := maps.Clone(exampleForm)
	for name, value := range changes {
		if value == "-" {
			delete(form, name)
		} else {
			form[name] = value
		}
	}
	return func(name string) (string, bool) {
		value, ok := form[name]
		return value, ok
	}
}

func TestSignedPoliciesAreAccepted(t *testing.T) {
	for name, now := range map[string]time.Time{
		"at once":                          time.Date(2015, 12, 29, 0, 0, 0, 0, time.UTC),
		"as long as the policy may say":    time.Date(2016, 1, 5, 0, 0, 0, 0, time.UTC),
		"by a clock that is behind theirs": time.Date(2015, 12, 28, 23, 0, 0, 0, time.UTC),
	} {
		v := newVerifier(t, sigv4.Options{Now: func() time.Time { return now }, Region: exampleRegion})
		for range 2 { // by a derived key, and by the one that was kept
			id, err := v.VerifyPolicy(field(nil))
			if err != nil || id.AccessKey != exampleAccessKey || id.Payload != sigv4.PayloadUnsigned {
				t.Errorf("%s: %v, %v", name, id, err)
			}
		}
	}
}

func TestPoliciesOfWhoDoesNotBelongAreRefused(t *testing.T) {
	now := time.Date(2015, 12, 29, 1, 0, 0, 0, time.UTC)
	all := map[string]string{}
	for name := range exampleForm {
		all[name] = "-"
	}
	for name, tt := range map[string]struct {
		changes map[string]string
		code    string
		detail  string // name=value
	}{
		"nothing of a signature": {all, sigv4.CodeAccessDenied, ""},
		"no policy":              {map[string]string{"policy": "-"}, sigv4.CodeInvalidArgument, "ArgumentName=policy"},
		"no algorithm":           {map[string]string{"x-amz-algorithm": "-"}, sigv4.CodeInvalidArgument, "ArgumentName=x-amz-algorithm"},
		"no credential":          {map[string]string{"x-amz-credential": "-"}, sigv4.CodeInvalidArgument, "ArgumentName=x-amz-credential"},
		"no date":                {map[string]string{"x-amz-date": "-"}, sigv4.CodeInvalidArgument, "ArgumentName=x-amz-date"},
		"no signature":           {map[string]string{"x-amz-signature": "-"}, sigv4.CodeInvalidArgument, "ArgumentName=x-amz-signature"},
		"another algorithm":      {map[string]string{"x-amz-algorithm": "x"}, sigv4.CodeInvalidArgument, "ArgumentValue=x"},
		"no timestamp":           {map[string]string{"x-amz-date": "today"}, sigv4.CodeInvalidArgument, "ArgumentValue=today"},
		"no scope":               {map[string]string{"x-amz-credential": "x"}, sigv4.CodeInvalidArgument, "ArgumentValue=x"},
		"another service":        {map[string]string{"x-amz-credential": "A/20151229/us-east-1/ec2/aws4_request"}, sigv4.CodeInvalidArgument, "ArgumentName=x-amz-credential"},
		"another region":         {map[string]string{"x-amz-credential": exampleAccessKey + "/20151229/eu-west-1/s3/aws4_request"}, sigv4.CodeInvalidArgument, "Region=us-east-1"},
		"another day":            {map[string]string{"x-amz-credential": exampleAccessKey + "/20151228/us-east-1/s3/aws4_request"}, sigv4.CodeInvalidArgument, "ArgumentName=x-amz-credential"},
		"an old date":            {map[string]string{"x-amz-credential": exampleAccessKey + "/20151221/us-east-1/s3/aws4_request", "x-amz-date": "20151221T235959Z"}, sigv4.CodeAccessDenied, ""},
		"another time":           {map[string]string{"x-amz-date": "20151229T000001Z"}, "", ""}, // only the policy is signed, and it names the time
		"an unknown key":         {map[string]string{"x-amz-credential": "NOBODY/20151229/us-east-1/s3/aws4_request"}, sigv4.CodeInvalidAccessKeyID, "AWSAccessKeyId=NOBODY"},
		"another policy":         {map[string]string{"policy": "e30="}, sigv4.CodeSignatureDoesNotMatch, "StringToSignBytes=65 33 30 3d"},
		"another signature":      {map[string]string{"x-amz-signature": "guess"}, sigv4.CodeSignatureDoesNotMatch, "SignatureProvided=guess"},
		"capitals in it":         {map[string]string{"x-amz-signature": strings.ToUpper(exampleForm["x-amz-signature"])}, sigv4.CodeSignatureDoesNotMatch, ""},
		"nothing as signature":   {map[string]string{"x-amz-signature": ""}, sigv4.CodeSignatureDoesNotMatch, ""},
		"a session token":        {map[string]string{"x-amz-security-token": "t"}, sigv4.CodeInvalidToken, ""},
		"signature version 2":    {map[string]string{"awsaccesskeyid": "A", "signature": "s"}, sigv4.CodeInvalidRequest, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVerifier(t, sigv4.Options{Now: func() time.Time { return now }, Region: exampleRegion})
			_, err := v.VerifyPolicy(field(tt.changes))
			if codeOf(err) != tt.code {
				t.Fatalf("got %v, want %q", err, tt.code)
			}
			if tt.detail == "" {
				return
			}
			for _, d := range err.(*sigv4.Error).Details {
				if d.Name+"="+d.Value == tt.detail {
					return
				}
			}
			t.Errorf("%s is not in %+v", tt.detail, err)
		})
	}
}

func TestAPolicyOfASecretThatWasReplacedIsRefused(t *testing.T) {
	keys := staticKeys{exampleAccessKey: exampleSecret}
	v := newVerifier(t, sigv4.Options{Keys: keys, Now: func() time.Time { return time.Date(2015, 12, 29, 1, 0, 0, 0, time.UTC) }})
	if _, err := v.VerifyPolicy(field(nil)); err != nil {
		t.Fatal(err)
	}
	keys[exampleAccessKey] = "another"
	if _, err := v.VerifyPolicy(field(nil)); codeOf(err) != sigv4.CodeSignatureDoesNotMatch {
		t.Errorf("got %v", err)
	}
}
