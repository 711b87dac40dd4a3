const page = pm.response.code === 200 ? pm.response.json() : {};
const number = Number(pm.collectionVariables.get("currentPage"));
const listed = JSON.parse(pm.collectionVariables.get("listed"));

pm.test(`page ${number} is returned with 200`, () => pm.response.to.have.status(200));
pm.test(`page ${number} has devices, each with a uuid`, () => {
    pm.expect(page.content).to.be.an("array");
    page.content.forEach((device) => pm.expect(device.uuid).to.be.a("string").that.is.not.empty);
});
pm.test(`page ${number} says which page it is, and whether it is the last`, () => {
    pm.expect(page.number).to.equal(number);
    pm.expect(page.last).to.be.a("boolean");
});
pm.test(`page ${number} has the totals`, () => {
    pm.expect(page.totalElements).to.be.a("number");
    pm.expect(page.totalPages).to.be.a("number");
    pm.expect(page.last).to.equal(number + 1 >= page.totalPages);
});

listed.push(...(page.content || []).map((device) => device.uuid));
if (page.last === false && number + 1 < page.totalPages) {
    // The next page. Only the collection runner and newman go on automatically.
    pm.collectionVariables.set("listed", JSON.stringify(listed));
    pm.collectionVariables.set("currentPage", String(number + 1));
    pm.execution.setNextRequest(pm.info.requestName);
} else {
    pm.test("all pages together list each device once", () => {
        pm.expect(new Set(listed).size).to.equal(listed.length);
        pm.expect(listed.length).to.equal(page.totalElements);
    });
    pm.collectionVariables.set("listed", "[]");
    pm.collectionVariables.set("currentPage", "0");
}
