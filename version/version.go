// Package version holds the two versions of Gibbon: its own, and the version
// of the interface that it speaks. It imports nothing and knows nothing else.
package version

const (
	// Number is Gibbon's own version.
	Number = "0.1.0"
	// Token is what Gibbon calls itself in Server and Via and on the command line.
	Token = "gibbon/" + Number
	// Interface is the Kong version whose interface is spoken: plugins, decK and
	// ingress controllers gate on it, so kong.version and the Admin API say this.
	Interface = "3.9.3"
	// InterfaceNum is Interface as kong.version_num: major*1000000 + minor*1000 + patch.
	InterfaceNum = 3009003
)
