set makeprg=imglint\ --format\ concise\ --quiet
set errorformat=%f:%l:%c:\ %t%*[a-z]\ %m
