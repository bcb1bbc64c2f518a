// What the target writes of SAP S/4HANA: the two services, with their keys, lengths and children, as SAP names them.

entity Partner {
  key BusinessPartner: String(10);
  BusinessPartnerCategory: String(1);
  BusinessPartnerGrouping: String(4);
  OrganizationBPName1: String(40);
  SearchTerm1: String(20);
  SearchTerm2: String(20);
  BusinessPartnerIsBlocked: Boolean;
  YY1_MDMVersion_bus: String(40);
  @cds.on.insert: $now @cds.on.update: $now
  LastChange: Timestamp @odata.etag;
  to_BusinessPartnerRole: Composition of many Role on to_BusinessPartnerRole.BusinessPartner = BusinessPartner;
  to_BusinessPartnerTax: Composition of many Tax on to_BusinessPartnerTax.BusinessPartner = BusinessPartner;
  to_BuPaIdentification: Composition of many Ident on to_BuPaIdentification.BusinessPartner = BusinessPartner;
  to_BusinessPartnerAddress: Composition of many Address on to_BusinessPartnerAddress.BusinessPartner = BusinessPartner;
  to_Supplier: Composition of one Supplier on to_Supplier.Supplier = BusinessPartner;
}
entity Role { key BusinessPartner: String(10); key BusinessPartnerRole: String(6); }
entity Tax { key BusinessPartner: String(10); key BPTaxType: String(4); BPTaxNumber: String(20); }
entity Ident { key BusinessPartner: String(10); key BPIdentificationType: String(6); key BPIdentificationNumber: String(60); }
entity Address {
  key BusinessPartner: String(10); key AddressID: String(36);
  StreetName: String(60); StreetPrefixName: String(40); CityName: String(40); Region: String(3); PostalCode: String(10); Country: String(3);
  to_AddressUsage: Composition of many Usage on to_AddressUsage.BusinessPartner = BusinessPartner and to_AddressUsage.AddressID = AddressID;
}
entity Usage { key BusinessPartner: String(10); key AddressID: String(36); key AddressUsage: String(10); }
entity Supplier { key Supplier: String(10); SupplierName: String(80); }
entity Product {
  key Product: String(40);
  ProductType: String(4) @mandatory; ProductOldID: String(18); ProductManufacturerNumber: String(40); ProductStandardID: String(18);
  SizeOrDimensionText: String(32); BaseUnit: String(3) @mandatory; IsMarkedForDeletion: Boolean; YY1_MDMVersion_PRD: String(40);
  @cds.on.insert: $now @cds.on.update: $now
  LastChange: Timestamp @odata.etag;
  to_Description: Composition of many Description on to_Description.Product = Product;
  to_ProductBasicText: Composition of many BasicText on to_ProductBasicText.Product = Product;
}
entity Description { key Product: String(40); key Language: String(2); ProductDescription: String(40); }
entity BasicText { key Product: String(40); key Language: String(2); LongText: LargeString; }

@path: '/API_BUSINESS_PARTNER'
service API_BUSINESS_PARTNER {
  entity A_BusinessPartner as projection on Partner;
  entity A_BusinessPartnerRole as projection on Role;
  entity A_BusinessPartnerTaxNumber as projection on Tax;
  entity A_BuPaIdentification as projection on Ident;
  entity A_BusinessPartnerAddress as projection on Address;
  entity A_BuPaAddressUsage as projection on Usage;
  @Capabilities.InsertRestrictions.Insertable: false
  entity A_Supplier as projection on Supplier;
}
@path: '/API_PRODUCT_SRV'
service API_PRODUCT_SRV {
  entity A_Product as projection on Product;
  entity A_ProductDescription as projection on Description;
  entity A_ProductBasicText as projection on BasicText;
}
