// Package charts holds the Helm chart of Hearth, and the tests that keep it in step with
// the program: hearth is the chart, examples are charts that use it, testdata are values
// and what they render to.
//
// values.schema.json follows from the settings (go generate ./charts). The golden files
// are compared where helm is to be had: HEARTH_HELM names it, and HEARTH_KUBECTL_VALIDATE
// and HEARTH_CRDS the program and the folder of custom resources that check them against
// the schemas of Kubernetes. Tests without them skip and say so.
package charts
