import type { Catalogue } from './catalogue.js';

/** German. Durations are in the dative: they stand after "in" and "innerhalb von". */
export const de: Catalogue = {
  'duration.days': '{count, plural, =1 {einem Tag} other {# Tagen}}',
  'duration.hours': '{count, plural, =1 {einer Stunde} other {# Stunden}}',
  'duration.minutes': '{count, plural, =1 {einer Minute} other {# Minuten}}',
  'duration.seconds': '{count, plural, =1 {einer Sekunde} other {# Sekunden}}',

  'page.languages': 'Sprache',
  'page.support': 'Hilfe',
  'page.email': 'E-Mail-Adresse',
  'page.password': 'Passwort',
  'page.showPassword': 'Passwort anzeigen',

  'ways.goOn': 'Weiter',
  'ways.signIn': 'Anmelden',
  'ways.back': 'Zurück zur Anmeldung',
  'ways.newLink': 'Neuen Link anfordern',
  'ways.openForm': 'Formular öffnen',

  'wayf.title': 'Von welcher Einrichtung kommen Sie?',
  'wayf.for': 'Sie melden sich bei {service} an und kehren dann zu {site} zurück.',
  'wayf.institution': 'Ihre Einrichtung',
  'wayf.search': 'Suchen',
  'wayf.count': '{count, plural, =0 {Keine Einrichtung gefunden} =1 {1 Einrichtung} other {# Einrichtungen}}',
  'wayf.first': 'Die ersten {count, plural, other {# Einrichtungen}}',
  'wayf.narrow': 'Geben Sie mehr vom Namen ein, um die Suche einzugrenzen.',
  'wayf.nothing': 'Keine Einrichtung passt zu diesem Namen.',
  'wayf.similar': 'Keine Einrichtung heißt so. Diese heißen ähnlich:',
  'wayf.byNetwork':
    'Bei Einrichtungen ohne Link ist hier keine Anmeldung möglich. Bietet Ihre Einrichtung den Zugang über ihr Netz an, verbinden Sie sich damit und öffnen Sie die Seite noch einmal.',
  'wayf.without': 'Ohne Einrichtung anmelden',
  'wayf.last': 'Sie haben sich angemeldet mit:',
  'wayf.forget': 'Diese Auswahl vergessen',
  'wayf.expired': 'Diese Seite ist abgelaufen. Gehen Sie zurück zu der Website, von der Sie gekommen sind.',
  'wayf.absent': 'Diese Einrichtung steht nicht zur Verfügung. Gehen Sie zurück und wählen Sie eine andere.',

  'signIn.title': 'Anmelden',
  'signIn.titleFor': 'Anmelden: {name}',
  'signIn.titleAgain': 'Anmelden: versuchen Sie es noch einmal',
  'signIn.with': 'Mit einem Konto von {name}.',
  'signIn.choose': 'Eine Einrichtung wählen',
  'signIn.chooseAnother': 'Eine andere Einrichtung wählen',
  'signIn.remember': 'Diese Einrichtung in diesem Browser merken',
  'signIn.button': 'Anmelden',
  'signIn.forgot': 'Passwort vergessen?',
  'signIn.wrong': 'E-Mail-Adresse oder Passwort ist falsch.',
  'signIn.otherInstitution': 'Dieses Konto gehört nicht zu {name}.',
  'signIn.unverified':
    'Bestätigen Sie zuerst Ihre E-Mail-Adresse. Öffnen Sie den Link, den wir Ihnen dorthin gesendet haben.',
  'signIn.passwordExpired':
    'Dieses Passwort war nur vorläufig und ist abgelaufen. Fordern Sie einen Link an, um ein neues zu wählen.',
  'signIn.otherSite':
    'Dieses Formular wurde von einer anderen Website abgeschickt. Öffnen Sie es hier und füllen Sie es noch einmal aus.',

  'root.text':
    'Hier meldet {service} Personen an, und hier sprechen Programme mit dem Dienst. Wenn ein Link Sie hierher geführt hat, gehen Sie zurück zu der Website, von der er kam.',
  'root.docs': 'API-Dokumentation',
  'root.ready': 'Ob der Dienst bereit ist',

  'link.needsScript': 'Diese Seite braucht JavaScript, um den Link aus Ihrer E-Mail zu lesen.',
  'link.incomplete': 'Dieser Link ist unvollständig. Öffnen Sie den Link in der E-Mail noch einmal.',
  'link.used': 'Dieser Link wurde schon benutzt oder ist abgelaufen.',
  'link.perhapsDone':
    'Dieser Link wurde schon benutzt oder ist abgelaufen. Was Sie vorher gesendet haben, blieb ohne Antwort, kann aber gelungen sein: Prüfen Sie das zuerst.',
  'link.unreachable': 'Der Server ist nicht erreichbar. Versuchen Sie es später noch einmal.',
  'link.taken': 'Zu dieser E-Mail-Adresse gibt es schon ein Konto.',
  'link.invited':
    'Zu dieser E-Mail-Adresse gibt es eine Einladung. Wir haben sie noch einmal gesendet: Öffnen Sie sie, um ein Passwort zu wählen.',
  'link.signUpClosed': 'Die Registrierung ist geschlossen. Bitten Sie die Verwaltung um ein Konto.',

  'ask.reset.title': 'Passwort vergessen?',
  'ask.reset': 'Geben Sie Ihre E-Mail-Adresse ein. Wir senden Ihnen einen Link, mit dem Sie ein neues Passwort wählen.',
  'ask.invitation.title': 'Neue Einladung anfordern',
  'ask.invitation':
    'Geben Sie die E-Mail-Adresse ein, an die Ihre Einladung ging. Wir senden Ihnen einen Link, mit dem Sie ein Passwort wählen.',
  'ask.verification.title': 'Neuen Link zur Bestätigung Ihrer E-Mail-Adresse anfordern',
  'ask.verification': 'Geben Sie die E-Mail-Adresse ein, die Sie bestätigen möchten. Wir senden Ihnen einen Link.',
  'ask.button': 'Link senden',
  'ask.badEmail': 'Geben Sie eine E-Mail-Adresse ein, zum Beispiel jane@example.org.',
  'ask.sent.title': 'Sehen Sie in Ihr Postfach',
  'ask.sent':
    'Wenn wir die eingegebene E-Mail-Adresse kennen, ist ein Link dorthin unterwegs. Er kann einmal benutzt werden, innerhalb von {lifetime}.',
  'ask.sent.claim':
    'Wenn wir die eingegebene E-Mail-Adresse kennen, ist ein Link dorthin unterwegs. Er kann einmal benutzt werden, so lange, wie es in der E-Mail steht.',
  'ask.sent.hint':
    'Nach einigen Minuten ist nichts da? Sehen Sie im Spam-Ordner nach, und prüfen Sie, ob Sie Ihre Adresse richtig eingegeben haben. Wir senden höchstens einen Link pro Minute.',
  'ask.sent.other': 'Eine andere Adresse verwenden',

  'password.tooShort': 'Das Passwort muss mindestens {count, plural, other {# Zeichen}} haben.',
  'password.tooLong': 'Das Passwort darf höchstens {count, plural, other {# Zeichen}} haben.',
  'password.control': 'Das Passwort darf keine Steuerzeichen enthalten, wie Tabulatoren und Zeilenumbrüche.',
  'password.tooCommon':
    'Das Passwort ist eines der häufigsten, die zuerst geraten werden. Wählen Sie ein anderes, zum Beispiel ein paar Wörter, die nichts miteinander zu tun haben.',
  'password.tooClose':
    'Das Passwort ist kaum mehr als Ihre E-Mail-Adresse, Ihr Name oder der Name dieses Dienstes. Wählen Sie ein anderes, zum Beispiel ein paar Wörter, die nichts miteinander zu tun haben.',
  'password.stillInitial': 'Das Passwort darf nicht das sein, das Sie bekommen haben.',
  'password.refused': 'Dieses Passwort kann nicht verwendet werden. Wählen Sie ein anderes.',
  'password.notTheOne': 'Das ist nicht das Passwort, mit dem Sie sich registriert haben.',

  'invitation.title': 'Willkommen: wählen Sie ein Passwort',

  'reset.title': 'Neues Passwort wählen',
  'reset.password': 'Neues Passwort',
  'reset.hint': 'Mindestens {count, plural, other {# Zeichen}}.',
  'reset.button': 'Speichern',
  'reset.done': 'Ihr Passwort wurde geändert. Sie können sich jetzt damit anmelden.',
  'reset.used': 'Dieser Link wurde schon benutzt oder ist abgelaufen. Fordern Sie einen neuen an.',

  'verify.title': 'E-Mail-Adresse bestätigen',
  'verify.hint':
    'Geben Sie das Passwort ein, mit dem Sie sich registriert haben, oder das Ihres Kontos, um zu bestätigen, dass dies Ihre Adresse ist.',
  'verify.button': 'Adresse bestätigen',
  'verify.done': 'Ihre E-Mail-Adresse ist bestätigt. Sie können sich jetzt anmelden.',

  'undo.title': 'Änderung der E-Mail-Adresse rückgängig machen',
  'undo.hint':
    'Damit gilt wieder Ihre vorherige Adresse; alle werden von Ihrem Konto abgemeldet, und sein Passwort wird entfernt. Sie erhalten eine E-Mail, um ein neues zu wählen.',
  'undo.button': 'Rückgängig machen',
  'undo.done':
    'Ihre vorherige Adresse gilt wieder, und alle wurden abgemeldet. Sie erhalten eine E-Mail, um ein neues Passwort zu wählen.',

  'error.badRequest.title': 'Das hat nicht geklappt',
  'error.badRequest': 'Die Anfrage war nicht verständlich. Gehen Sie zurück und versuchen Sie es noch einmal.',
  'error.expired.title': 'Diese Seite ist abgelaufen',
  'error.forbidden.title': 'Das ist hier nicht erlaubt',
  'error.forbidden': 'Dazu sind Sie nicht berechtigt.',
  'error.internal.title': 'Etwas ist schiefgegangen',
  'error.internal':
    'Ein interner Fehler ist aufgetreten. Das liegt nicht an Ihnen. Versuchen Sie es später noch einmal.',
  'error.internal.request': 'Anfrage {id}',
  'error.notFound.title': 'Diese Seite gibt es nicht',
  'error.notFound': 'Prüfen Sie die Adresse, oder gehen Sie zurück zu der Website, von der Sie gekommen sind.',
  'error.rateLimited.title': 'Bitte warten Sie einen Moment',
  'error.rateLimited': 'Zu viele Versuche. Versuchen Sie es in {wait} noch einmal.',
  'error.tooMany': 'Zu viele Versuche. Versuchen Sie es später noch einmal.',
  'error.locked':
    'Zu viele fehlgeschlagene Anmeldungen. Melden Sie sich von einem Ort aus an, von dem Sie sich schon einmal angemeldet haben, oder setzen Sie Ihr Passwort zurück.',
  'error.unavailable.title': 'Wir sind gleich wieder da',
  'error.unavailable': 'Der Dienst ist vorübergehend nicht erreichbar. Versuchen Sie es später noch einmal.',

  'mail.help': 'Hilfe: {address}',
  'mail.when': 'Wann: {time}',
  'mail.from': 'Herkunft: {origin}',
  'mail.reset.subject': 'Neues Passwort für {service} wählen',
  'mail.reset.text': 'Jemand möchte das Passwort für {email} bei {service} zurücksetzen.',
  'mail.reset.link': 'Öffnen Sie diesen Link innerhalb von {lifetime}, um ein neues Passwort zu wählen:',
  'mail.reset.button': 'Neues Passwort wählen',
  'mail.reset.ignore': 'Wenn Sie das nicht waren, brauchen Sie nichts zu tun. Ihr Passwort ist unverändert.',
  'mail.invitation.subject': 'Einladung zu {service}',
  'mail.invitation.text': 'Für {email} wurde bei {service} ein Konto angelegt.',
  'mail.invitation.by': 'Eingeladen von: {name}',
  'mail.invitation.link': 'Öffnen Sie diesen Link innerhalb von {lifetime}, um ein Passwort zu wählen:',
  'mail.invitation.button': 'Passwort wählen',
  'mail.invitation.ignore':
    'Wenn Sie keine Einladung erwarten, brauchen Sie nichts zu tun. Ohne Passwort kann sich niemand anmelden.',
  'mail.verify.subject': 'E-Mail-Adresse für {service} bestätigen',
  'mail.verify.text': 'Für ein Konto bei {service} wurde {email} als E-Mail-Adresse angegeben.',
  'mail.verify.link':
    'Wenn Sie das waren, öffnen Sie diesen Link innerhalb von {lifetime}, um Ihre E-Mail-Adresse zu bestätigen:',
  'mail.verify.button': 'Adresse bestätigen',
  'mail.verify.ignore': 'Wenn Sie das nicht waren, brauchen Sie nichts zu tun.',
  'mail.signUp.text': 'Jemand legt bei {service} ein Konto mit der E-Mail-Adresse {email} an.',
  'mail.signUp.link':
    'Wenn Sie das sind, öffnen Sie diesen Link innerhalb von {lifetime} und geben Sie das Passwort ein, mit dem Sie sich registriert haben:',
  'mail.signUp.ignore':
    'Wenn Sie das nicht sind, brauchen Sie nichts zu tun. Ohne den Link und das Passwort wird kein Konto angelegt.',
  'mail.change.subject': 'Neue E-Mail-Adresse für {service} bestätigen',
  'mail.change.text': 'Die E-Mail-Adresse eines Kontos bei {service} soll in {email} geändert werden.',
  'mail.change.link':
    'Wenn Sie das sind, öffnen Sie diesen Link innerhalb von {lifetime} und geben Sie das Passwort Ihres Kontos ein:',
  'mail.change.button': 'Adresse bestätigen',
  'mail.change.ignore':
    'Wenn Sie das nicht sind, brauchen Sie nichts zu tun. Ohne den Link und das Passwort ändert sich nichts.',
  'mail.taken.subject': 'Sie haben schon ein Konto bei {service}',
  'mail.taken.text':
    'Jemand wollte bei {service} ein Konto mit der E-Mail-Adresse {email} anlegen, für die es schon eines gibt.',
  'mail.taken.signIn':
    'Wenn Sie das waren, melden Sie sich mit diesem Konto an. Wenn Sie das Passwort nicht mehr wissen, fordern Sie hier ein neues an:',
  'mail.taken.ignore': 'Wenn Sie das nicht waren, brauchen Sie nichts zu tun. Es hat sich nichts geändert.',
  'mail.moved.subject': 'Die E-Mail-Adresse Ihres Kontos bei {service} wurde geändert',
  'mail.moved.text':
    'Die E-Mail-Adresse Ihres Kontos bei {service} wurde von {email} in eine andere geändert. Wenn Sie das waren, brauchen Sie nichts zu tun.',
  'mail.moved.link':
    'Wenn Sie das nicht waren, öffnen Sie diesen Link innerhalb von {lifetime}. Damit stellen Sie Ihre E-Mail-Adresse wieder her, beenden alle Sitzungen und wählen ein neues Passwort:',
  'mail.moved.button': 'Rückgängig machen',
  'mail.moved.gone':
    'Die E-Mail-Adresse eines Kontos bei {service} wurde von {email} in eine andere geändert. Wenn Sie das nicht erwartet haben, wenden Sie sich an den Betreiber von {service}.',
  'mail.password.changed': 'Ihr Passwort für {service} wurde geändert',
  'mail.password.removed': 'Ihr Passwort für {service} wurde entfernt',
  'mail.password.way.session':
    'Das Passwort Ihres Kontos bei {service} wurde von jemandem geändert, der dort angemeldet war.',
  'mail.password.way.moved':
    'Die E-Mail-Adresse und das Passwort Ihres Kontos bei {service} wurden von jemandem geändert, der dort angemeldet war.',
  'mail.password.way.link':
    'Das Passwort Ihres Kontos bei {service} wurde mit einem Link gesetzt, der an diese Adresse gesendet wurde.',
  'mail.password.way.admin':
    'Das Passwort Ihres Kontos bei {service} wurde von der Verwaltung entfernt. Alle Anmeldungen wurden beendet.',
  'mail.password.way.undo':
    'Die Änderung der E-Mail-Adresse Ihres Kontos bei {service} wurde mit einem Link rückgängig gemacht, der an diese Adresse gesendet wurde. Das Passwort wurde entfernt, da jemand anders es kennen könnte, und alle Anmeldungen wurden beendet.',
  'mail.password.mine': 'Wenn Sie das waren, brauchen Sie nichts zu tun.',
  'mail.password.notMine':
    'Wenn Sie das nicht waren, wählen Sie ein neues Passwort: Fordern Sie dort, wo Sie sich anmelden, einen Link zum Zurücksetzen an. Damit werden alle anderen abgemeldet. Wenden Sie sich dann an den Betreiber von {service}, und ändern Sie das Passwort Ihres Postfachs, falls jemand anders es gelesen haben könnte.',
  'mail.password.notMineMoved':
    'Wenn Sie das nicht waren, öffnen Sie den Link in unserer E-Mail über die Änderung Ihrer E-Mail-Adresse, falls sie einen hat. Damit werden alle anderen abgemeldet. Wenden Sie sich dann an den Betreiber von {service}, und ändern Sie das Passwort Ihres Postfachs, falls jemand anders es gelesen haben könnte.',
  'mail.password.afterAdmin':
    'Um sich wieder anzumelden, wählen Sie ein neues Passwort. Den Link dazu fordern Sie hier an:',
  'mail.password.unexpected': 'Wenn Sie das nicht erwartet haben, wenden Sie sich an den Betreiber von {service}.',
  'mail.password.afterUndo':
    'Um sich wieder anzumelden, wählen Sie ein neues Passwort mit dem Link, den wir Ihnen in einer anderen E-Mail gesendet haben.',
  'mail.password.mailbox':
    'Wenn Sie das nicht erwartet haben, wenden Sie sich an den Betreiber von {service}, und ändern Sie das Passwort Ihres Postfachs: Jemand anders könnte es gelesen haben.',
};
