-- post-function: code by phase
return require("gibbon.functions").schema("post-function")
