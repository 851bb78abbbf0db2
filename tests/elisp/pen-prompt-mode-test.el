;;; pen-prompt-mode-test.el --- Editing definitions -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'flymake)
(require 'pen-fixture)
(require 'pen-prompt-mode)

(defconst pen-prompt-mode-test-detail
  (list :summary (car pen-fixture-definitions) :name "pun-complete" :stop '(" END")
        :weights '(0.3 0.7) :example '(:prompt "a\nb\n" :completion "c END"))
  "What the service says of all of a definition.")

(defmacro pen-prompt-mode-test-in (text table &rest body)
  "Run BODY in a definition's file with TEXT, on a service of TABLE."
  (declare (indent 2) (debug t))
  `(let ((file (make-temp-file "pen-mode-" nil ".yaml" ,text)))
     (unwind-protect
         (pen-rpc-fake-with (append ,table '(("prompts-schema" hang) ("prompts-lint" hang)))
           (save-window-excursion
             (with-current-buffer (find-file-noselect file)
               (unwind-protect
                   (progn (prompt-description-mode)
                          (switch-to-buffer (current-buffer))
                          ,@body)
                 (set-buffer-modified-p nil)
                 (kill-buffer)))))
       (delete-file file))))

(defun pen-prompt-mode-test-lint ()
  "Return what flymake is told of this buffer: (LINE TYPE TEXT)…, or `nothing'."
  (let ((told 'nothing))
    (pen-prompt-mode-flymake (lambda (diagnostics) (setq told diagnostics)))
    (pen-rpc-fake-settle)
    (if (listp told)
        (mapcar (lambda (each)
                  (list (line-number-at-pos (flymake-diagnostic-beg each))
                        (flymake-diagnostic-type each)
                        (flymake-diagnostic-text each)))
                told)
      told)))

(ert-deftest pen-prompt-mode-test-findings-stand-at-their-lines ()
  (pen-prompt-mode-test-in "pen: 1\ntitel: x\nprompt: y\n"
      '(("prompts-lint" value ((:level error :where "/x/a.yaml:2:1" :message "unknown key 'titel'"
                                       :hint "did you mean 'title'?")
                               (:level warning :where "/x/a.yaml" :message "no end" :hint nil)
                               (:level note :where nil :message "a note" :hint nil))))
    (should (equal (pen-prompt-mode-test-lint)
                   '((2 :error "unknown key 'titel'; did you mean 'title'?")
                     (1 :warning "no end") (1 :note "a note"))))
    (let ((asked (pen-rpc-fake-last "prompts-lint")))
      (should (equal (plist-get asked :paths) (list file)))
      (should (equal (plist-get asked :text) "pen: 1\ntitel: x\nprompt: y\n")))))

(ert-deftest pen-prompt-mode-test-the-unsaved-text-is-looked-at-narrowed-or-not ()
  (pen-prompt-mode-test-in "pen: 1\n" '(("prompts-lint" value nil))
    (goto-char (point-max))
    (insert (propertize "title: x\n" 'face 'bold))
    (narrow-to-region 1 2)
    (should-not (pen-prompt-mode-test-lint))
    (should (equal (plist-get (pen-rpc-fake-last "prompts-lint") :text) "pen: 1\ntitle: x\n"))))

(ert-deftest pen-prompt-mode-test-only-the-newest-answer-counts ()
  (let ((told 0))
    (pen-prompt-mode-test-in "pen: 1\n" '(("prompts-lint" value nil))
      (dotimes (_ 3)
        (pen-prompt-mode-flymake (lambda (_) (setq told (1+ told)))))
      (pen-rpc-fake-settle)
      (should (= told 1)))))

(ert-deftest pen-prompt-mode-test-raw-bytes-are-an-error-at-once ()
  (pen-prompt-mode-test-in "pen: 1\n" '(("prompts-lint" value nil))
    (goto-char (point-max))
    (insert "title: " (string-to-multibyte "\351") "\n")
    (pcase-let ((`((,_ ,type ,text)) (pen-prompt-mode-test-lint)))
      (should (eq type :error))
      (should (string-match-p "Line 2 holds bytes" text)))))

(ert-deftest pen-prompt-mode-test-a-service-that-fails-leaves-the-editor-alone ()
  (pen-prompt-mode-test-in "pen: 1\n" '(("prompts-lint" error start "No Python."))
    (should-not (pen-prompt-mode-test-lint))))

(ert-deftest pen-prompt-mode-test-a-buffer-killed-before-the-answer-is-no-error ()
  (pen-prompt-mode-test-in "pen: 1\n" '(("prompts-lint" value nil))
    (let (told)
      (pen-prompt-mode-flymake (lambda (_) (setq told t)))
      (kill-buffer)
      (pen-rpc-fake-settle)
      (should-not told)
      (switch-to-buffer (get-buffer-create "*scratch*")))))

(ert-deftest pen-prompt-mode-test-the-row-is-shown-with-faces-and-weights ()
  (pen-prompt-mode-test-in "pen: 1\n"
      (list (list "prompts-show" 'value pen-prompt-mode-test-detail))
    (pen-fixture-press "C-c C-r")
    (pen-fixture-until (lambda () (get-buffer "*pen row*")))
    (with-current-buffer "*pen row*"
      (should (equal (substring-no-properties (buffer-string)) "a\nb\nc END\n"))
      (should (eq (get-text-property 1 'face) 'pen-row-prompt))
      (should (eq (get-text-property 5 'face) 'pen-row-completion))
      (should (string-match-p "weights 0.3 0.7 *stops at \" END\"" header-line-format))
      (kill-buffer))))

(ert-deftest pen-prompt-mode-test-a-definition-is-tried-as-its-file-says ()
  (pen-prompt-mode-test-in "pen: 1\n"
      (list (list "prompts-show" 'value pen-prompt-mode-test-detail)
            (append (list "completions-start" 'events) (list (pen-fixture-done "three"))))
    (cl-letf (((symbol-function 'read-string) (lambda (_ _i _h default &rest _) default)))
      (pen-fixture-press "C-c C-c")
      (pen-fixture-until (lambda () (get-buffer "*pen pun*")))
      (with-current-buffer "*pen pun*"
        (pen-fixture-until (lambda () (string-match-p "three" (buffer-string))))
        (should (equal (plist-get (pen-rpc-fake-last "completions-start") :prompt)
                       "/prompts/pun.yaml"))
        (kill-buffer)))))

(ert-deftest pen-prompt-mode-test-a-training-set-is-described-and-not-tried ()
  (pen-prompt-mode-test-in "pen: 1\nkind: dataset\n"
      '(("prompts-page" value "puns (a training set)")
        ("prompts-show" value (:summary (:slug "puns" :kind "dataset")
                               :training (:prompt "pun-complete"))))
    (let (said)
      (cl-letf (((symbol-function 'message)
                 (lambda (format &rest args)
                   (setq said (and format (apply #'format-message format args))))))
        (pen-fixture-press "C-c C-c")
        (pen-fixture-until (lambda () said)))
      (should (equal said "puns is a training set, not a prompt; its prompt is pun-complete; C-c C-r shows a row of it, C-c C-d all of it")))
    (pen-fixture-press "C-c C-d")
    (pen-fixture-until (lambda () (get-buffer "*pen prompt*")))
    (with-current-buffer "*pen prompt*"
      (should (string-prefix-p "puns (a training set)" (buffer-string)))
      (kill-buffer))))

(ert-deftest pen-prompt-mode-test-what-the-service-cannot-read-is-refused ()
  (pen-prompt-mode-test-in "pen: 1\n" nil
    (dolist (keys '("C-c C-c" "C-c C-r" "C-c C-d"))
      (let ((buffer-file-name nil))
        (pen-fixture-refused (pen-fixture-press keys)))
      (let ((buffer-file-name "/ssh:nobody@nowhere.invalid:/x.yaml"))
        (pen-fixture-refused (pen-fixture-press keys)))
      (insert "x")
      (cl-letf (((symbol-function 'y-or-n-p) #'ignore))
        (pen-fixture-refused (pen-fixture-press keys))))))

(ert-deftest pen-prompt-mode-test-keys-complete-by-the-usual-key ()
  (pen-prompt-mode-test-in "pen: 1\n" nil
    (should (eq (key-binding (kbd "C-M-i")) 'completion-at-point))
    (should (memq 'pen-prompt-key-complete completion-at-point-functions))))

(ert-deftest pen-prompt-mode-test-it-is-text-mode-with-colours-where-there-is-no-yaml-mode ()
  (skip-unless (not (fboundp 'yaml-mode)))
  (pen-prompt-mode-test-in "pen: 1 # one\nprompt: <x>\n" nil
    (should (derived-mode-p 'text-mode))
    (font-lock-ensure)
    (should (eq (get-text-property 1 'face) 'font-lock-keyword-face))
    (should (eq (get-text-property 9 'face) 'font-lock-comment-face))
    (search-forward "<")
    (should (eq (get-text-property (point) 'face) 'font-lock-variable-name-face))))

(provide 'pen-prompt-mode-test)
;;; pen-prompt-mode-test.el ends here
