package main

import (
	"io"
	"strings"
	"text/template"
)

// bannerText is printed when the origin is the embedded store, for a person who
// tries Hearth out: everything in it can be pasted as it is.
var bannerText = template.Must(template.New("banner").Parse(`
Hearth serves {{.Dir}}

  S3       {{.S3}}
{{- if .Admin}}
  admin    {{.Admin}}  (the dashboard, in a browser)
{{- end}}
{{- if .Ops}}
  metrics  {{.Ops}}/metrics
{{- end}}
{{if .AccessKey}}
  export AWS_ACCESS_KEY_ID={{.AccessKey}}
  export AWS_SECRET_ACCESS_KEY={{.SecretKey}}
{{- if .Generated}}
  # made for this store and kept in {{.KeysFile}}
{{- end}}
{{- else}}
  # nobody is asked for a key (auth none); clients sign with any
  export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any
{{- end}}
  export AWS_REGION={{.Region}}

aws cli
  aws --endpoint-url {{.S3}} s3 mb s3://lake
  aws --endpoint-url {{.S3}} s3 cp README.md s3://lake/

boto3
  s3 = boto3.client("s3", endpoint_url="{{.S3}}")

LanceDB (Python)
  db = lancedb.connect("s3://lake/db", storage_options={
      "endpoint": "{{.S3}}", "allow_http": "true", "region": "{{.Region}}"})

LanceDB (JavaScript)
  const db = await lancedb.connect("s3://lake/db", { storageOptions: {
      endpoint: "{{.S3}}", allowHttp: "true", region: "{{.Region}}" } })

`))

// banner tells how to point clients at v, which has an embedded store.
func banner(w io.Writer, v *server) error {
	data := struct {
		Dir, S3, Admin, Ops, Region, AccessKey, SecretKey, KeysFile string
		Generated                                                   bool
	}{
		Dir: v.store.Dir, Region: v.store.Region,
		S3: v.url(listenerS3), Admin: v.url(listenerAdmin), Ops: v.url(listenerOps),
	}
	if v.keys != nil {
		data.AccessKey, data.SecretKey = "(one of your keys)", "(its secret)"
		if keys := v.keys.Keys(); v.generatedKeys != "" && len(keys) == 1 {
			data.Generated, data.KeysFile = true, v.generatedKeys
			data.AccessKey = keys[0].AccessKey
			data.SecretKey, _ = v.keys.Secret(data.AccessKey)
		} else if v.settings.AccessKey != "" {
			data.AccessKey = v.settings.AccessKey
		}
	}
	var text strings.Builder
	if err := bannerText.Execute(&text, data); err != nil {
		return err
	}
	_, err := io.WriteString(w, text.String()) // one write, so that logs do not mix in
	return err
}
