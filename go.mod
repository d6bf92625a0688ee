module github.com/gibbon-gateway/gibbon

go 1.26
