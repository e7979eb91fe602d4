package postform

import (
	"net/http"
	"strconv"
)

// An Error refuses a form in S3's words.
type Error struct {
	// Code is S3's error code and Status the HTTP status that goes with it.
	Code   string
	Status int
	// Message may quote the form: escape it.
	Message string
	// Details are the further elements of S3's error document.
	Details []Detail
}

// A Detail is one element of an error document.
type Detail struct{ Name, Value string }

func (e *Error) Error() string { return "postform: " + e.Code + ": " + e.Message }

func bad(code, message string, details ...Detail) *Error {
	return &Error{Code: code, Status: http.StatusBadRequest, Message: message, Details: details}
}

// malformed refuses what is no form. hint says to a person what is wrong with it.
func malformed(hint string) *Error {
	return bad("MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.", Detail{"Hint", hint})
}

func invalidArgument(message, name, value string) *Error {
	return bad("InvalidArgument", message, Detail{"ArgumentName", name}, Detail{"ArgumentValue", clip(value)})
}

func invalidPolicy(message string) *Error {
	return bad("InvalidPolicyDocument", "Invalid Policy: "+message)
}

// refused is for forms that are not what a policy allows.
func refused(message string) *Error {
	return &Error{Code: "AccessDenied", Status: http.StatusForbidden, Message: "Invalid according to Policy: " + message}
}

func missingField(name string) *Error {
	return invalidArgument("Bucket POST must contain a field named '"+name+
		"'.  If it is specified, please check the order of the fields.", name, "")
}

func tooLarge(n, most int64) *Error {
	return bad("EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.",
		Detail{"ProposedSize", strconv.FormatInt(n, 10)}, Detail{"MaxSizeAllowed", strconv.FormatInt(most, 10)})
}

func tooSmall(n, least int64) *Error {
	return bad("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size",
		Detail{"ProposedSize", strconv.FormatInt(n, 10)}, Detail{"MinSizeAllowed", strconv.FormatInt(least, 10)})
}

// clip bounds what an error repeats.
func clip(s string) string {
	const most = 256
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
