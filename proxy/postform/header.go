package postform

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
)

const metaPrefix = "x-amz-meta-"

// objectFields are the fields that describe the object, and the headers of a PUT that say
// the same. Other fields are for the form alone; that a header exists does not make it a
// field: x-amz-copy-source would read where the policy lets write.
var objectFields = map[string]string{
	"acl": "x-amz-acl", "cache-control": "Cache-Control", "content-type": "Content-Type",
	"content-disposition": "Content-Disposition", "content-encoding": "Content-Encoding",
	"content-language": "Content-Language", "content-md5": "Content-MD5", "expires": "Expires",
	"x-amz-storage-class": "x-amz-storage-class", "x-amz-website-redirect-location": "x-amz-website-redirect-location",
	"x-amz-object-lock-mode": "x-amz-object-lock-mode", "x-amz-object-lock-legal-hold": "x-amz-object-lock-legal-hold",
	"x-amz-object-lock-retain-until-date": "x-amz-object-lock-retain-until-date",
}

// objectPrefixes begin the names of further fields that are headers of the same name.
var objectPrefixes = []string{metaPrefix, "x-amz-checksum-", "x-amz-server-side-encryption"}

// Header returns what the fields say about the object as the headers of a PUT, names of
// S3's own in lower case.
func (f *Form) Header() (http.Header, error) {
	header := make(http.Header)
	for field, value := range f.fields {
		name, ok := objectFields[field]
		for _, prefix := range objectPrefixes {
			if strings.HasPrefix(field, prefix) {
				name, ok = field, true
			}
		}
		if !ok || value == "" {
			continue
		}
		if !isToken(name) || !isText(value) {
			return nil, invalidArgument("The field cannot be sent as a header.", field, value)
		}
		header[name] = []string{value}
	}
	if document, ok := f.fields["tagging"]; ok {
		tags, err := tagging(document)
		if err != nil {
			return nil, err
		}
		header["x-amz-tagging"] = []string{tags}
	}
	return header, nil
}

// tagging turns the XML that a form has into the parameters that a header has. Whether the
// tags may be so is for the store to say.
func tagging(document string) (string, error) {
	var tags struct {
		XMLName xml.Name `xml:"Tagging"`
		Set     struct {
			Tags []struct{ Key, Value string } `xml:"Tag"`
		} `xml:"TagSet"`
	}
	if err := xml.Unmarshal([]byte(document), &tags); err != nil {
		return "", bad("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema.")
	}
	var parameters []string
	for _, tag := range tags.Set.Tags {
		parameters = append(parameters, url.QueryEscape(tag.Key)+"="+url.QueryEscape(tag.Value))
	}
	return strings.Join(parameters, "&"), nil
}

// isToken reports whether s can be the name of a header.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// isText reports whether s can be the value of a header.
func isText(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// Redirect returns where the form wants its sender to be sent after success, with what was
// stored; false if it does not say or what it says is no web address, which S3 overlooks.
func (f *Form) Redirect(bucket, key, etag string) (string, bool) {
	target, ok := f.fields["success_action_redirect"]
	if !ok {
		target = f.fields["redirect"] // its old name
	}
	to, err := url.Parse(target)
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		return "", false
	}
	query := to.Query()
	query.Set("bucket", bucket)
	query.Set("key", key)
	query.Set("etag", etag)
	to.RawQuery = query.Encode()
	return to.String(), true
}

// Status returns the status that the form wants for success.
func (f *Form) Status() int {
	switch f.fields["success_action_status"] {
	case "200":
		return http.StatusOK
	case "201":
		return http.StatusCreated
	}
	return http.StatusNoContent
}
