SELECT registry || '/' || repository AS image, tag, group_concat(DISTINCT root) AS repositories, count(*) AS places
FROM images
WHERE environment = 'production' AND registry || '/' || repository IN (
    SELECT registry || '/' || repository FROM images
    WHERE environment = 'production'
    GROUP BY 1 HAVING count(DISTINCT tag) > 1
)
GROUP BY 1, 2
ORDER BY 1, 2;
