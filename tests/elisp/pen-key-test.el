;;; pen-key-test.el --- Where keys are looked for -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'auth-source)
(require 'pen-key)
(require 'pen-rpc-fake)

(defmacro pen-key-test-with (netrc environment file &rest body)
  "Run BODY with the texts NETRC and FILE, the old one, or nil; and ENVIRONMENT."
  (declare (indent 3) (debug t))
  `(let* ((home (make-temp-file "pen-key" t))
          (auth-sources (list (expand-file-name "authinfo" home)))
          (auth-source-do-cache nil)
          (process-environment (append ,environment (list (concat "HOME=" home)
                                                          "PEN_API_KEY" "OPENAI_API_KEY"))))
     (unwind-protect
         (progn
           (auth-source-forget-all-cached)
           (when ,netrc
             (write-region ,netrc nil (car auth-sources) nil 'silent))
           (when ,file
             (make-directory (expand-file-name ".pen" home))
             (write-region ,file nil (expand-file-name ".pen/openai_api_key" home) nil 'silent))
           ,@body)
       (delete-directory home t))))

(ert-deftest pen-key-test-auth-source-then-environment-then-file ()
  (let ((netrc "machine api.openai.com login apikey password sk-auth\n"))
    (pen-key-test-with netrc '("OPENAI_API_KEY=sk-env") "sk-file\n"
      (should (equal (pen-key-find "api.openai.com") '(auth-source . "sk-auth")))
      (let ((pen-key-sources '(file environment)))
        (should (equal (pen-key-find "api.openai.com") '(file . "sk-file")))))
    (pen-key-test-with nil '("OPENAI_API_KEY=sk-env") "sk-file\n"
      (should (equal (pen-key-find "api.openai.com") '(environment . "sk-env"))))
    (pen-key-test-with nil nil "  sk-file\nmore\n"
      (should (equal (pen-key-find "api.openai.com") '(file . "sk-file"))))
    (pen-key-test-with nil nil nil
      (should-not (pen-key-find "api.openai.com")))))

(ert-deftest pen-key-test-openais-key-is-for-openai-alone ()
  (pen-key-test-with "machine api.openai.com login apikey password sk-auth\n"
      '("OPENAI_API_KEY=sk-env") "sk-file\n"
    (should-not (pen-key-find "example.org"))))

(ert-deftest pen-key-test-a-port-may-be-named ()
  (pen-key-test-with "machine localhost port 8000 login apikey password k\n" nil nil
    (should (equal (pen-key-find "localhost:8000") '(auth-source . "k")))
    (should-not (pen-key-find "localhost:9000"))))

(ert-deftest pen-key-test-what-is-found-is-sent-and-that-nothing-was ()
  (pen-key-test-with nil '("PEN_API_KEY=secret") nil
    (pen-rpc-fake-with (list (list "providers-set-key" 'value t))
      (pen-key-send "example.org")
      (should (equal (pen-rpc-fake-last "providers-set-key") '(:host "example.org" :key "secret")))))
  (pen-key-test-with nil nil nil
    (pen-rpc-fake-with (list (list "providers-set-key" 'value nil))
      (pen-key-send "example.org")
      (should (equal (pen-rpc-fake-last "providers-set-key") '(:host "example.org" :key nil))))))

(ert-deftest pen-key-test-what-can-be-no-key-is-neither-sent-nor-shown ()
  (let ((said nil))
    (cl-letf (((symbol-function 'message) (lambda (&rest args) (push (apply #'format args) said))))
      (pen-key-test-with nil '("PEN_API_KEY=sec ret") nil
        (pen-rpc-fake-with (list (list "providers-set-key" 'value nil))
          (pen-key-send "example.org")
          (should-not (plist-get (pen-rpc-fake-last "providers-set-key") :key)))))
    (should (string-match-p "example.org" (car said)))
    (should-not (string-match-p "sec ret" (car said)))))

(ert-deftest pen-key-test-an-error-while-looking-tells-no-text ()
  (pen-key-test-with nil nil nil
    (cl-letf (((symbol-function 'auth-source-search) (lambda (&rest _) (error "Password sk-secret"))))
      (pen-rpc-fake-with (list (list "providers-set-key" 'value nil))
        (pen-key-send "example.org")
        (should-not (plist-get (pen-rpc-fake-last "providers-set-key") :key))))
    (with-current-buffer "*pen-log*"
      (should-not (string-match-p "sk-secret" (buffer-string))))))

(ert-deftest pen-key-test-the-option-is-risky ()
  (should (get 'pen-key-sources 'risky-local-variable)))

(provide 'pen-key-test)
;;; pen-key-test.el ends here
